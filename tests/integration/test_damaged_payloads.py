"""A damaged payload is downloaded again, then requested again, and never stored."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sdanalytics import CorruptReport, ReportCache, SDAnalyticsError, fetch_report, sandbox
from sdanalytics.model.partition import Partition, Provenance
from sdanalytics.parsing.payload import read_payload
from sdanalytics.store.cache import internal_store
from tests.support.box import Box

Rows = list[dict[str, Any]]

WHOLE = gzip.compress(b'[{"campaignId":1,"clicks":2},{"campaignId":2,"clicks":3}]')


def fill(box: Box, rows: Rows) -> None:
    box.sandbox.set_content(lambda _: rows)


def test_a_report_with_an_invalid_value_is_not_requested_again(
    box: Box, store: ReportCache
) -> None:
    box.sandbox.set_content(lambda report: [{"campaignId": 1, "clicks": 5.7}])
    with pytest.raises(CorruptReport, match="'clicks' of row 0") as caught:
        fetch_report("campaigns", box.day(1), tactic="T00020", client=box.client, cache=store)
    assert caught.value.report_id in box.sandbox.reports
    assert box.sandbox.count("storage") == 1
    assert store.entries().empty


@pytest.mark.parametrize(
    "damaged",
    [b"", WHOLE[:-5], b"no gzip", gzip.compress(b"{}")],
    ids=["empty", "short", "no gzip", "object"],
)
def test_a_damaged_payload_is_downloaded_then_requested_again(
    box: Box, store: ReportCache, damaged: bytes
) -> None:
    def fetch() -> pd.DataFrame:
        return fetch_report(
            "campaigns", box.day(1), tactic="T00020", client=box.client, cache=store
        )

    answer = sandbox.ScriptedResponse(200, damaged)
    box.sandbox.script_responses("storage", answer)
    frame = fetch()
    assert len(frame) > 0
    assert (box.sandbox.count("request_report"), box.sandbox.count("download_report")) == (1, 2)

    store.remove("campaigns", box.day(1))
    box.sandbox.script_responses("storage", answer, answer)
    pd.testing.assert_frame_equal(fetch(), frame)
    assert (box.sandbox.count("request_report"), box.sandbox.count("download_report")) == (3, 5)

    store.remove("campaigns", box.day(1))
    box.sandbox.set_content(lambda report: damaged)
    with pytest.raises(CorruptReport) as caught:
        fetch()
    assert caught.value.row is None
    assert isinstance(caught.value, SDAnalyticsError)
    assert (box.sandbox.count("request_report"), box.sandbox.count("download_report")) == (5, 9)
    assert store.entries().empty


def test_plain_json_is_read_without_another_request(box: Box, store: ReportCache) -> None:
    rows = [{"campaignId": 1, "clicks": 2}, {"campaignId": 2, "clicks": 3}]
    box.sandbox.set_content(lambda report: json.dumps(rows).encode())
    frame = fetch_report(
        "campaigns", box.day(1), metrics=["clicks"], tactic="T00020", client=box.client, cache=store
    )
    assert frame["clicks"].tolist() == [2, 3]
    assert box.sandbox.count("storage") == 1


# -- rows without identity ----------------------------------------------------------------

REPORTS = {
    "campaigns": ["campaignId"],
    "adGroups": ["campaignId", "adGroupId"],
    "productAds": ["campaignId", "adGroupId", "adId"],
    "targets": ["campaignId", "adGroupId", "targetId"],
    "asins": ["campaignId", "adGroupId", "asin"],
    "campaigns+matchedTarget": ["campaignId"],
    "adGroups+matchedTarget": ["campaignId", "adGroupId"],
    "targets+matchedTarget": ["campaignId", "adGroupId", "targetId"],
}
"""The fields that identify the rows of each report."""
V3_FIELDS = {"targetId": "targetingId", "asin": "promotedAsin"}
OTHERS: Rows = [
    {"code": "INTERNAL_ERROR", "details": "Please try again later"},
    {"id": 5, "spend": 12.5},
    {},
]
"""Rows of errors and of other reports."""


@pytest.mark.parametrize("api", ["v2", "v3"])
@pytest.mark.parametrize("report", REPORTS)
def test_a_row_without_identity_ends_its_report(
    box: Box, store: ReportCache, api: str, report: str
) -> None:
    record_type, _, segment = report.partition("+")
    client = box.client_for(0, api)
    names = [V3_FIELDS.get(name, name) if api == "v3" else name for name in REPORTS[report]]
    good = {"date": box.day(50)} | dict.fromkeys(names, "7")
    bad: list[tuple[dict[str, Any], str]] = [({"date": box.day(50)} | o, names[0]) for o in OTHERS]
    for name in names:
        bad.append((good | {name: None}, name))
        bad.append(({**good, name.upper(): good[name], name: None}, name))
    for row, field in bad:
        fill(box, [good, good, row])
        with pytest.raises(CorruptReport, match=f"'{field}' of row 2") as caught:
            fetch_report(
                record_type,  # type: ignore[arg-type]
                box.day(50),
                metrics=["clicks"] if record_type != "asins" else ["sku"],
                tactic="T00020",
                segment=segment or None,  # type: ignore[arg-type]
                client=client,
                cache=store,
            )
        assert (caught.value.field, caught.value.row) == (field, 2)
        assert store.entries().empty


def test_a_day_whose_report_was_an_error_is_requested_by_the_next_call(
    box: Box, store: ReportCache
) -> None:
    errors = [{"code": "INTERNAL_ERROR", "details": "Please try again later"}]
    box.sandbox.set_content(lambda _: errors)
    with pytest.raises(CorruptReport, match="'campaignId' of row 0"):
        fetch_report("campaigns", box.day(50), client=box.client, cache=store)
    box.sandbox.set_content(lambda _: None)
    frame = fetch_report("campaigns", box.day(50), client=box.client, cache=store)
    assert frame["campaignId"].notna().all()
    assert len(frame) > 0


def test_another_product_or_page_may_be_unknown(box: Box, store: ReportCache) -> None:
    known = {"campaignId": 1, "adGroupId": 2, "asin": "A", "clicks": 3, "sku": "s"}
    for name in ("otherAsin", "matchedTarget"):
        rows = [known | {name: None}, known | {name: "B"}, known | {"adGroupId": 3}]
        fill(box, rows)
        record_type, segment = {"otherAsin": ("asins", None)}.get(name, ("adGroups", name))
        frame = fetch_report(
            record_type,  # type: ignore[arg-type]
            box.day(1),
            metrics=["sku"] if record_type == "asins" else ["clicks"],
            tactic="T00020",
            segment=segment,  # type: ignore[arg-type]
            client=box.client,
            cache=store,
        )
        assert frame[name].isna().tolist() == [False, True, True]


@pytest.mark.parametrize("api", ["v2", "v3"])
def test_counts_with_a_point_or_an_exponent_are_stored(
    box: Box, store: ReportCache, api: str
) -> None:
    texts = ["5.0", "4.1E1", "1.2345678E7", "1E15"]
    rows = [
        f'{{"date":"{box.day(1)}","campaignId":{number},"clicks":{text}}}'
        for number, text in enumerate(texts)
    ]
    payload = gzip.compress(f"[{','.join(rows)}]".encode())
    box.sandbox.set_content(lambda _: payload)
    tactic = None if api == "v3" else "T00020"
    frame = fetch_report(
        "campaigns",
        box.day(1),
        metrics=["clicks"],
        tactic=tactic,  # type: ignore[arg-type]
        client=box.client_for(0, api),
        cache=store,
    )
    assert frame["clicks"].tolist() == [5, 41, 12_345_678, 10**15]
    assert frame["clicks"].dtype == "Int64"


def store_without_identity(store: ReportCache, box: Box, ages_ago: range) -> list[Partition]:
    """Store days as earlier releases did: with a row that lacks its campaign."""
    days = []
    for ago in ages_ago:
        profile_id = str(box.sandbox.profile_ids[0])
        source = box.client.source
        day = date.fromisoformat(box.day(ago))
        partition = Partition(source, profile_id, "campaigns", None, "T00020", day)
        payload = gzip.compress(b'[{"campaignId":7,"clicks":1},{"clicks":1}]')
        table = read_payload(payload, ["campaignId", "clicks"])
        origin = Provenance("r", box.clock.now(), "v2")
        internal_store(store).partitions.store_report({partition: table}, origin)
        days.append(partition)
    return days


@pytest.mark.parametrize("count", [1, 9])
def test_stored_days_without_identity_are_set_aside_and_fetched_again(
    box: Box, store: ReportCache, count: int
) -> None:
    def fetch() -> pd.DataFrame:
        return fetch_report(
            "campaigns",
            box.day(49 + count),
            box.day(44),
            metrics=["clicks"],
            tactic="T00020",
            client=box.client,
            cache=store,
        )

    expected = fetch()
    bad = store_without_identity(store, box, range(50, 50 + count))
    store.compact()
    assert fetch()["campaignId"].isna().sum() == count  # as it was stored
    problems = store.verify()
    days = [path.parent.name for path in map(Path, problems["path"])]
    assert sorted(days) == sorted(f"date={partition.date}" for partition in bad)
    assert problems["problem"].str.contains("row 1 has no campaignId").all()
    moved = store.repair()
    assert moved["moved_to"].map(lambda path: Path(path).exists()).all()
    assert len(moved) == count
    assert store.verify().empty
    coverage = store.coverage(
        "campaigns",
        box.day(49 + count),
        box.day(50),
        tactic="T00020",
        now=box.clock.now(),
    )
    states = coverage.set_index("date")["state"]
    for partition in bad:
        assert states[pd.Timestamp(partition.date)] == "missing"
    pd.testing.assert_frame_equal(fetch(), expected)
