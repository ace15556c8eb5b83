"""The list of campaigns: what the service lists, what is kept, and what rows find on it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from sdanalytics.model.campaign_list import NO_CAMPAIGNS, CampaignList
from sdanalytics.model.category_words import spell_word, spell_words
from sdanalytics.model.metrics import CAMPAIGN_FACTS
from sdanalytics.store.campaign_join import fill_facts

NOON = datetime(2026, 11, 20, 12, 0, 0, 345, tzinfo=UTC)
BIG = 2**60 + 1
DOCUMENT = {
    "campaignId": BIG, "name": "Reach", "tactic": "T00030", "state": "ENABLED",
    "costType": "vcpm", "portfolioId": "7", "budget": 10.5, "surplus": {"a": [1]},
}  # fmt: skip


FILE = (
    '{"read_at": "2026-11-20T18:00:00+00:00", "campaigns": {"campaignId": %s, "tactic": [null], '
    '"costType": %s, "portfolioId": [null], "campaignName": [null], "campaignStatus": [null], '
    '"read_at": [null]}}'
)
"""A list of one campaign, without its ids and cost types."""


def ids(*values: int) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.int64())])


def rows(campaigns: CampaignList) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = campaigns.table.to_pylist()
    return found


def test_facts_are_those_of_the_document_in_one_spelling() -> None:
    campaigns = NO_CAMPAIGNS.updated([DOCUMENT], NOON)
    assert rows(campaigns) == [
        {
            "campaignId": BIG, "tactic": "T00030", "costType": "VCPM", "portfolioId": 7,
            "campaignName": "Reach", "campaignStatus": "enabled",
            "read_at": datetime(2026, 11, 20, 12),
        }
    ]  # fmt: skip
    assert campaigns.read_at == NOON


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"portfolioId": 0}, "portfolioId"),
        ({"portfolioId": -1}, "portfolioId"),
        ({"portfolioId": None}, "portfolioId"),
        ({"portfolioId": 2**63}, "portfolioId"),
        ({"portfolioId": True}, "portfolioId"),
        ({"portfolioId": "x"}, "portfolioId"),
        ({"tactic": "T00001"}, "tactic"),
        ({"tactic": ["T00020"]}, "tactic"),
        ({"costType": 5}, "costType"),
        ({"state": ""}, "campaignStatus"),
        ({"name": "\ud83d"}, "campaignName"),
        ({"name": {"a": 1}}, "campaignName"),
    ],
)
def test_what_is_no_fact_is_missing(change: dict[str, Any], column: str) -> None:
    [row] = rows(NO_CAMPAIGNS.updated([DOCUMENT | change], NOON))
    [usual] = rows(NO_CAMPAIGNS.updated([DOCUMENT], NOON))
    assert row == usual | {column: None}


@pytest.mark.parametrize("campaign_id", [None, "", "x", 0, -5, 2**63, 1.5, True])
def test_documents_without_an_id_are_left_out(campaign_id: object) -> None:
    other = DOCUMENT | {"campaignId": "12"}
    campaigns = NO_CAMPAIGNS.updated([DOCUMENT | {"campaignId": campaign_id}, other], NOON)
    assert [row["campaignId"] for row in rows(campaigns)] == [12]


def test_campaigns_that_are_not_listed_any_more_stay() -> None:
    later = NOON + timedelta(1)
    second = DOCUMENT | {"campaignId": 2, "costType": "cpc"}
    first_list = NO_CAMPAIGNS.updated([DOCUMENT, second], NOON)
    campaigns = first_list.updated([second | {"name": "New name"}], later)
    small, big = rows(campaigns)
    assert (small["campaignName"], small["costType"]) == ("New name", "CPC")
    assert big == rows(first_list)[1]
    assert small["read_at"] - big["read_at"] == timedelta(1)
    assert campaigns.read_at == later
    assert NO_CAMPAIGNS.updated([], NOON).read_at == NOON


def test_it_is_read_back_as_it_was_written() -> None:
    campaigns = NO_CAMPAIGNS.updated([DOCUMENT, {"campaignId": 3}], NOON)
    again = CampaignList.from_json(json.loads(json.dumps(campaigns.to_json())))
    assert again.table.equals(campaigns.table)
    assert again.read_at == NOON
    empty = CampaignList.from_json(json.loads(json.dumps(NO_CAMPAIGNS.to_json())))
    assert (empty.table.num_rows, empty.read_at) == (0, None)


def test_a_file_without_facts_is_a_list() -> None:
    read = CampaignList.from_json(json.loads(FILE % ("[1]", '["CPC"]')))
    assert (read.table.num_rows, read.read_at) == (1, datetime(2026, 11, 20, 18, tzinfo=UTC))


def test_tactics_of_earlier_releases_are_read() -> None:
    old = CampaignList.from_json({"5": "T00020", str(BIG): "T00030", "6": "T99999"})
    assert old.read_at is None
    found = old.find("campaignId", ids(BIG, 5, 6), ["tactic", "costType"])
    assert found.column("tactic").to_pylist() == ["T00030", "T00020", None]
    assert found.column("costType").to_pylist() == [None] * 3


@pytest.mark.parametrize(
    "text",
    [
        "[]", "null", "1", '{"a": "T00020"}', '{"5": "T00020", "99999999999999999999": "T00020"}',
        FILE % ('["x"]', "[null]"), FILE % ("[null]", "[null]"), FILE % ("5", "[null]"),
        FILE % ("[1e400]", "[null]"), FILE % ("[99999999999999999999999]", "[null]"),
        FILE % ("[1, 2]", "[null]"), FILE % ("[1]", "[5]"), FILE % ("[1]", "null"),
        '{"campaigns": {}}', '{"campaigns": {"campaignId": []}}',
        (FILE % ("[1]", "[null]")).replace("2026-11-20", "0001-01-01"),
        (FILE % ("[1]", "[null]")).replace("2026-11-20", "soon "),
        (FILE % ("[1]", "[null]")).replace('"2026-11-20T18:00:00+00:00"', "5"),
    ],
)  # fmt: skip
def test_anything_else_is_no_list(text: str) -> None:
    with pytest.raises((ValueError, TypeError, OverflowError)):
        CampaignList.from_json(json.loads(text))


# -- the join --------------------------------------------------------------------------------


def report(**columns: list[Any]) -> pa.Table:
    types = {"campaignId": pa.int64(), "portfolioId": pa.int64(), "clicks": pa.int64()}
    return pa.table(
        {name: pa.array(values, types.get(name, pa.string())) for name, values in columns.items()}
    )


def test_what_rows_have_stays_and_what_they_lack_is_filled() -> None:
    second = DOCUMENT | {"campaignId": 2, "costType": "cpc", "portfolioId": None, "name": "B"}
    campaigns = NO_CAMPAIGNS.updated([DOCUMENT, second], NOON)
    table = report(
        campaignId=[2, BIG, 2, 9],
        clicks=[1, 2, 3, 4],
        costType=[None, None, "VCPM", None],
        portfolioId=[None, None, None, None],
        campaignName=["Then", None, "Then", None],
    )
    filled = fill_facts(table, campaigns)
    assert filled.schema == table.schema
    assert filled.to_pydict() == {
        "campaignId": [2, BIG, 2, 9],
        "clicks": [1, 2, 3, 4],
        "costType": ["CPC", "VCPM", "VCPM", None],
        "portfolioId": [None, 7, None, None],
        "campaignName": ["Then", "Reach", "Then", None],
    }
    assert fill_facts(table, NO_CAMPAIGNS) == table
    assert fill_facts(table.slice(0, 0), campaigns).num_rows == 0


def test_rows_without_ids_are_joined_by_name_and_have_what_its_campaigns_share() -> None:
    documents = [
        DOCUMENT,
        {"campaignId": 2, "name": "Twice", "costType": "cpc", "portfolioId": 7},
        {"campaignId": 3, "name": "Twice", "costType": "vcpm", "portfolioId": 7},
        {"campaignId": 4, "name": "Twice", "costType": "cpc", "portfolioId": 7},
        {"campaignId": 5, "costType": "cpc"},
    ]
    campaigns = NO_CAMPAIGNS.updated(documents, NOON)
    table = report(
        campaignName=["Twice", "Reach", "Renamed"],
        costType=[None, None, "CPC"],
        portfolioId=[None] * 3,
        campaignStatus=["paused", None, None],
    )
    assert fill_facts(table, campaigns).to_pydict() == {
        "campaignName": ["Twice", "Reach", "Renamed"],
        "costType": [None, "VCPM", "CPC"],
        "portfolioId": [7, 7, None],
        "campaignStatus": ["paused", "enabled", None],
    }


def test_facts_that_no_column_is_of_are_not_added() -> None:
    campaigns = NO_CAMPAIGNS.updated([DOCUMENT], NOON)
    table = report(campaignId=[BIG], clicks=[1])
    assert fill_facts(table, campaigns) == table
    assert set(CAMPAIGN_FACTS).isdisjoint(table.column_names)


# -- words ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "words", "spelled"),
    [
        ("costType", ["vCPM", "vcpm", "VCPM", "Vcpm"], "VCPM"),
        ("costType", ["cpc", "CPC"], "CPC"),
        ("costType", ["vCPA", "vcpa"], "VCPA"),
        ("campaignStatus", ["ENABLED", "enabled", "Enabled"], "enabled"),
        ("adKeywordStatus", ["PAUSED", "paused"], "paused"),
        ("bidOptimization", ["REACH", "reach"], "reach"),
        ("currency", ["usd", "USD"], "USD"),
    ],
)
def test_words_are_spelled_one_way(column: str, words: list[str], spelled: str) -> None:
    assert {spell_word(column, word) for word in words} == {spelled}
    table = pa.table({"clicks": [*range(len(words)), 0], column: [*words, None]})
    found = spell_words(table)
    assert found.column(column).to_pylist() == [spelled] * len(words) + [None]
    assert found.column("clicks") == table.column("clicks")
    assert found.schema == table.schema


@pytest.mark.parametrize("column", ["campaignName", "targetingType", "tactic"])
def test_other_texts_stay_as_they_are(column: str) -> None:
    assert spell_word(column, "vCPM") == "vCPM"
