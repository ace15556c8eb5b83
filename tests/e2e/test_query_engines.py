"""Other engines on the store, with the code of the guide: the same sums as pandas."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from sdanalytics import ReportCache
from sdanalytics.model.dtypes import arrow_schema
from sdanalytics.model.partition import Partition, Provenance
from tests.support.guides import DOCS, find_blocks
from tests.support.stores import partitions_in

GUIDE = DOCS / "guide" / "sql-and-engines.md"
IDS: list[Any] = [2**60 + 1, 2**60 + 2, 2**60 + 3]
NAMES: list[Any] = ["a", "Größe", None]
DAYS = ("2026-10-29", "2026-11-02")
PROFILES = ("1842030415361601", "42")


def put(store: ReportCache, partition: Partition, **values: list[Any]) -> None:
    """Store three rows, with these values."""
    defaults = {"campaignId": IDS, "clicks": [10, 20, 30], "cost": [0.25, 0.5, 0.75]}
    table = pa.table(defaults | values, schema=arrow_schema([*(defaults | values)]))
    origin = Provenance("r", datetime.now(UTC), "v2")
    partitions_in(store).store_report({partition: table}, origin)


@pytest.fixture
def full(store: ReportCache) -> ReportCache:
    """Return a store of two profiles with everything that may be difficult for engines."""
    for number, profile in enumerate(PROFILES):
        day = Partition("127.0.0.1:8080", profile, "campaigns", None, "T00020", date(2026, 11, 1))
        # The first file that an engine sees has no rows.
        put(store, day._replace(date=date(2026, 10, 29)), campaignId=[], clicks=[], cost=[])
        put(store, day._replace(date=date(2026, 10, 30)))
        put(store, day, impressions=[100, None, 300])
        put(store, day._replace(tactic="T00030"), clicks=[5, None, number])
        put(store, day._replace(tactic="unknown", date=date(2026, 11, 2)), campaignName=NAMES)
        put(store, day._replace(segment="matchedTarget"), matchedTarget=NAMES)
        put(store, day._replace(record_type="adGroups"), adGroupId=[1, 2, 3])
    for path in list(store.path.glob("reports/**/report.parquet")):
        shutil.copy(path, path.with_name("report (1).parquet"))  # as synchronized folders have it
        path.with_name("._report.parquet").write_bytes(b"of the Finder")
    return store


def expected(store: ReportCache) -> pd.DataFrame:
    frames = [
        store.read("campaigns", *DAYS, metrics=["clicks"], profile_id=profile)
        for profile in PROFILES
    ]
    return pd.concat(frames).groupby("date")["clicks"].sum().reset_index()


def example(word: str) -> str:
    """Return the code block of the guide that contains a text."""
    (block,) = [block for block in find_blocks(GUIDE, "python") if word in block]
    return block


def check(answer: pd.DataFrame, store: ReportCache) -> None:
    days = pd.to_datetime(answer["date"].astype("str")).astype("datetime64[s]")
    got = answer.assign(date=days, clicks=answer["clicks"].astype("Int64"))
    got = got.sort_values("date", ignore_index=True)
    pd.testing.assert_frame_equal(got[["date", "clicks"]], expected(store))


def test_sql_returns_the_same_sums(full: ReportCache) -> None:
    check(full.sql("select date, sum(clicks) as clicks from campaigns group by date"), full)


def test_duckdb_returns_the_same_sums(full: ReportCache) -> None:
    names: dict[str, Any] = {"store": full}
    exec(example("import duckdb"), names)
    check(names["daily"], full)


def test_polars_returns_the_same_sums(full: ReportCache) -> None:
    pytest.importorskip("polars")
    names: dict[str, Any] = {"store": full}
    exec(example("import polars"), names)
    daily = names["daily"]
    check(pd.DataFrame(daily.to_dict(as_series=False)), full)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pandas, passed on to dask
def test_dask_returns_the_same_sums(full: ReportCache, cluster: Any) -> None:
    names: dict[str, Any] = {"store": full}
    exec(example("import dask"), names)
    check(names["daily"], full)
    campaigns = names["campaigns"]
    assert campaigns.npartitions > 1  # so that both processes have work
    rows = campaigns.compute()
    assert rows.dtypes[["campaignId", "clicks", "cost"]].astype("str").tolist() == [
        "Int64", "Int64", "Float64",
    ]  # fmt: skip
    assert set(rows["campaignId"]) == {*IDS}
    assert rows["clicks"].isna().sum() == 2
    assert {*rows["profile_id"]} == {*PROFILES}
