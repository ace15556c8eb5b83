"""A day stored through both versions: no row is given the number of another."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from sdanalytics import ReportCache
from sdanalytics.model.metrics import identity_columns
from sdanalytics.model.partition import Partition, Provenance
from sdanalytics.parsing.payload import read_payload
from sdanalytics.store.cache import internal_store
from tests.support.samples import NOW, SOURCE, US, day

pytestmark = pytest.mark.filterwarnings("ignore:rows of .* are alike:sdanalytics.DataWarning")

Rows = Sequence[dict[str, Any]]
V2_ONLY = "attributedSales7d"
"""A metric that version 3 does not have."""


def store_rows(store: ReportCache, api: str, record_type: str, rows: Rows) -> int:
    """Store a day through a version of the API; return the number of ambiguous rows."""
    names = dict.fromkeys([*identity_columns(record_type), *itertools.chain(*rows)])
    table = read_payload(gzip.compress(json.dumps(rows).encode()), list(names))
    key = Partition(SOURCE, str(US), record_type, None, "T00020", day(1))
    origin = Provenance("r", NOW + timedelta(hours=api == "v3"), api)
    return internal_store(store).partitions.store_report({key: table}, origin)[key].ambiguous_rows


def merged(
    store: ReportCache, record_type: str, older: Rows, newer: Rows, by: str = "clicks"
) -> tuple[dict[Any, Any], int]:
    """Return the values of version 2 by those of a column of version 3, and what is ambiguous."""
    assert store_rows(store, "v2", record_type, older) == 0
    ambiguous = store_rows(store, "v3", record_type, newer)
    frame = store.read(record_type, day(1))  # type: ignore[arg-type]
    values = frame[V2_ONLY].astype(object).where(frame[V2_ONLY].notna(), None)
    assert len(frame) == len(newer)
    return dict(zip(frame[by], values, strict=True)), ambiguous


def campaign(number: int = 7, /, **values: Any) -> dict[str, Any]:
    return {"campaignId": number, **values}


def purchase(asin: str = "A", /, **values: Any) -> dict[str, Any]:
    return {"campaignId": 1, "adGroupId": 2, "asin": asin, "otherAsin": "B", **values}


def test_rows_of_one_identity_each_are_joined(store: ReportCache) -> None:
    older = [campaign(n, clicks=n, campaignName="old", **{V2_ONLY: n / 2}) for n in range(5)]
    newer = [campaign(n, clicks=n + 10, campaignName="new") for n in (4, 2, 0, 9)]
    assert merged(store, "campaigns", older, newer) == ({10: 0, 12: 1, 14: 2, 19: None}, 0)


def test_nulls_are_equal_to_nulls(store: ReportCache) -> None:
    unknown = purchase(otherAsin=None)
    older = [purchase(**{V2_ONLY: 1.0}), unknown | {V2_ONLY: 2.0}]
    newer = [unknown | {"sku": "s"}, purchase(sku="t")]
    assert merged(store, "asins", older, newer, by="sku") == ({"s": 2, "t": 1}, 0)


def test_a_sku_tells_asins_apart(store: ReportCache) -> None:
    older = [purchase(sku=sku, **{V2_ONLY: value}) for sku, value in (("s", 1), ("t", 2))]
    newer = [purchase(sku="t"), purchase(sku="new"), purchase("C", sku="s")]
    values = {"t": 2, "new": None, "s": None}
    assert merged(store, "asins", older, newer, by="sku") == (values, 0)


def test_one_asin_under_another_sku_is_another_row(store: ReportCache) -> None:
    older = [purchase(sku="s", **{V2_ONLY: 1.0})]
    assert merged(store, "asins", older, [purchase(sku="t")], by="sku") == ({"t": None}, 0)


def test_texts_tell_rows_of_one_identity_apart(store: ReportCache) -> None:
    older = [campaign(campaignName=name, **{V2_ONLY: n}) for n, name in enumerate("abc")]
    newer = [campaign(campaignName=name, clicks=n) for n, name in enumerate("cab")]
    assert merged(store, "campaigns", older, newer) == ({0: 2, 1: 0, 2: 1}, 0)


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_rows_in_another_order_are_known_by_their_numbers(
    store: ReportCache, order: tuple[int, ...]
) -> None:
    older = [campaign(clicks=n, **{V2_ONLY: 10 * n}) for n in range(3)]
    newer = [campaign(clicks=n) for n in order]
    assert merged(store, "campaigns", older, newer) == ({0: 0, 1: 10, 2: 20}, 0)


def test_rows_with_other_numbers_are_known_by_their_place(store: ReportCache) -> None:
    older = [campaign(clicks=n, **{V2_ONLY: 10 * n}) for n in (5, 7)]
    newer = [campaign(clicks=n) for n in (7, 8)]  # restated
    assert merged(store, "campaigns", older, newer) == ({7: 50, 8: 70}, 0)


@pytest.mark.parametrize(("old", "new"), [(2, 1), (1, 2), (2, 3), (3, 2)])
def test_what_stays_ambiguous_is_missing(store: ReportCache, old: int, new: int) -> None:
    older = [campaign(clicks=n, **{V2_ONLY: 10 * n}) for n in range(old)]
    newer = [campaign(clicks=10 + n) for n in range(new)]
    others = [campaign(8, clicks=99)], [campaign(8, clicks=99, **{V2_ONLY: 1})]
    values = dict.fromkeys(range(10, 10 + new)) | {99: 1}
    assert merged(store, "campaigns", older + others[1], newer + others[0]) == (values, new)


def test_rows_of_unknown_tactic_are_dropped_once_it_is_known(store: ReportCache) -> None:
    known = Partition(SOURCE, str(US), "asins", None, "T00020", day(1))
    unknown = known._replace(tactic="unknown")
    rows = [purchase(sku="s"), purchase(otherAsin=None, sku="t"), purchase("C", sku="u")]
    columns = [*identity_columns("asins"), "sku"]
    partitions = internal_store(store).partitions
    for partition, sent in ((unknown, rows), (known, rows[:2])):
        table = read_payload(json.dumps(sent).encode(), columns)
        partitions.store_report({partition: table}, Provenance("r", NOW, "v3"))
    rest = partitions.load(unknown, ["sku"])
    assert rest is not None
    assert rest.to_pydict() == {"sku": ["u"]}


def test_rows_alike_in_everything_keep_their_place(store: ReportCache) -> None:
    older = [campaign(clicks=1, **{V2_ONLY: 5.0})] * 2
    assert store_rows(store, "v2", "campaigns", older) == 0
    assert store_rows(store, "v3", "campaigns", [campaign(clicks=1)] * 2) == 0
    assert store.read("campaigns", day(1))[V2_ONLY].tolist() == [5, 5]
