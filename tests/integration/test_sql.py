"""SQL on the store: the same numbers as `read`, typed, without reading or changing more."""

from __future__ import annotations

import _thread
import sys
import threading
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, fetch_report
from sdanalytics.errors import MissingDependency
from sdanalytics.model.metrics import CATALOGUE, available_metrics, identity_columns
from sdanalytics.model.partition import Partition, Provenance
from tests.support.box import Box
from tests.support.stores import partitions_in

VIEWS = {
    "campaigns": ("campaigns", None),
    "adGroups": ("adGroups", None),
    "productAds": ("productAds", None),
    "targets": ("targets", None),
    "asins": ("asins", None),
    "campaigns_matchedTarget": ("campaigns", "matchedTarget"),
    "adGroups_matchedTarget": ("adGroups", "matchedTarget"),
    "targets_matchedTarget": ("targets", "matchedTarget"),
}


def fetch(box: Box, store: ReportCache, *metrics: str, ago: int = 3) -> pd.DataFrame:
    names = metrics or ("campaignName", "clicks", "cost")
    return fetch_report(
        "campaigns", box.day(ago), box.day(2), metrics=names, client=box.client, cache=store
    )


def put(store: ReportCache, day: str, *, segment: str | None = None, **changes: object) -> Path:
    """Store a day of one campaign, and return its path."""
    partition_fields = {
        "source": "NA",
        "profile_id": "1",
        "record_type": "campaigns",
        "tactic": "T00020",
    }
    values: dict[str, object] = {"campaignId": 2**60 + 1, "clicks": 3, "cost": 0.5}
    partition_fields |= {
        name: str(value) for name, value in changes.items() if name in partition_fields
    }
    values |= {name: value for name, value in changes.items() if name not in partition_fields}
    if segment:
        values[segment] = "asin=B0"
    partition = Partition(**partition_fields, segment=segment, date=date.fromisoformat(day))
    table = pa.table({name: [value] for name, value in values.items()})
    origin = Provenance("r", datetime.now(UTC), "v2")
    partitions_in(store).store_report({partition: table}, origin)
    return Path(store.entries()["path"][store.entries()["date"] == day].iloc[-1])


def scalar(frame: pd.DataFrame) -> object:
    assert frame.shape == (1, 1)
    return frame.iloc[0, 0]


def test_sums_equal_those_of_the_frame(box: Box, store: ReportCache) -> None:
    frame = fetch(box, store)
    result = store.sql(
        "select date, tactic, sum(clicks) as clicks, sum(cost) as cost "
        "from campaigns group by all order by all"
    )
    assert result.dtypes.astype("str").to_dict() == {
        "date": "datetime64[s]", "tactic": "str", "clicks": "Int64", "cost": "float64",
    }  # fmt: skip
    groups = frame.astype({"tactic": "str"}).groupby(["date", "tactic"])
    expected = groups[["clicks", "cost"]].sum().reset_index()
    pd.testing.assert_frame_equal(result, expected, check_exact=False)


def test_rows_are_returned_as_stored(box: Box, store: ReportCache) -> None:
    frame = fetch(box, store)
    names = ", ".join(frame.columns)
    rows = store.sql(f"select {names} from campaigns order by date, tactic, campaignId")
    pd.testing.assert_frame_equal(rows, frame.astype({"tactic": "str"}), check_dtype=False)
    profile = store.sql("select distinct source, profile_id from campaigns")
    entries = store.entries()
    assert profile.iloc[0].tolist() == [entries["source"][0], entries["profile_id"][0]]


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_has_all_columns_of_the_catalogue(name: str, store: ReportCache) -> None:
    frame = store.sql(f"select * from {name}")
    record_type, segment = VIEWS[name]
    first = ["source", "profile_id", "tactic", "date", *identity_columns(record_type, segment)]
    assert frame.columns.tolist()[: len(first)] == first
    assert set(frame.columns) == {*first, *available_metrics(record_type, segment, api=None)}
    assert frame.empty
    types = {"source": "str", "profile_id": "str", "tactic": "str", "date": "datetime64[s]"}
    for column, dtype in frame.dtypes.items():
        expected = types.get(str(column)) or CATALOGUE[str(column)].kind.dtype
        assert str(dtype) == expected.replace("category", "str")


def test_columns_that_a_day_lacks_are_missing(store: ReportCache) -> None:
    put(store, "2026-11-01", impressions=40)
    put(store, "2026-11-02")
    rows = store.sql("select impressions, currency from campaigns order by date")
    assert rows["impressions"].tolist() == [40, pd.NA]
    assert rows["currency"].isna().all()
    assert scalar(store.sql("select sum(impressions) from campaigns")) == 40


def test_segments_are_views_of_their_own(box: Box, store: ReportCache) -> None:
    plain = fetch(box, store)
    split = fetch_report(
        "campaigns", box.day(3), box.day(2), metrics=["clicks"], segment="matchedTarget",
        client=box.client, cache=store,
    )  # fmt: skip
    query = "select count(*) as rows, sum(clicks) as clicks from "
    for name, frame in {"campaigns": plain, "campaigns_matchedTarget": split}.items():
        assert store.sql(query + name).iloc[0].tolist() == [len(frame), frame["clicks"].sum()]


def test_rows_of_unknown_tactic_are_included(store: ReportCache) -> None:
    put(store, "2026-11-01")
    put(store, "2026-11-01", tactic="unknown", campaignId=5)
    frame = store.sql("select tactic, campaignId from campaigns order by tactic")
    assert frame["tactic"].tolist() == ["T00020", "unknown"]
    assert frame["campaignId"].tolist() == store.read("campaigns", "2026-11-01")[
        "campaignId"
    ].tolist()  # fmt: skip


@pytest.mark.parametrize(
    ("where", "parameters"),
    [
        ("date = '2026-11-02'", None),
        ("date between ? and ?", [date(2026, 11, 2), pd.Timestamp("2026-11-03")]),
        ("date > $day and clicks = $clicks", {"day": "2026-11-01", "clicks": np.int64(3)}),
        ("tactic = 'T00030'", None),
        ("profile_id in ('2', '3')", None),
        ("source <> 'NA' and cost > 0", None),
    ],
)
def test_only_matching_files_are_read(where: str, parameters: object, store: ReportCache) -> None:
    bad = put(store, "2026-11-01")
    partition_fields = {"source": "EU", "profile_id": "2", "tactic": "T00030"}
    put(store, "2026-11-02", **partition_fields)
    bad.write_bytes(b"damaged")
    query = f"select count(*) from campaigns where {where}"
    assert scalar(store.sql(query, parameters)) == 1  # type: ignore[arg-type]
    with pytest.raises(sda.CacheError):
        store.sql("select count(*) from campaigns")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _damage_pages(path: Path) -> None:
    """Damage the pages, not the footer."""
    content = bytearray(path.read_bytes())
    content[4:60] = bytes(56)
    path.write_bytes(content)


def _of_another_day(path: Path) -> None:
    other = path.parents[1] / "date=2026-11-02" / path.name
    path.write_bytes(other.read_bytes())


@pytest.mark.parametrize("damage", [_cut, _damage_pages, _of_another_day])
def test_a_damaged_file_is_named_and_repaired(store: ReportCache, damage: object) -> None:
    path = put(store, "2026-11-01")
    put(store, "2026-11-02", clicks=4)
    damage(path)  # type: ignore[operator]
    with pytest.raises(sda.CacheError, match=r"ReportCache\.repair\(\)") as caught:
        store.sql("select max(campaignId), sum(clicks) from campaigns")
    assert str(path) in str(caught.value)
    assert store.repair()["path"].tolist() == [str(path)]
    assert scalar(store.sql("select sum(clicks) from campaigns")) == 4


def test_files_that_are_not_reports_are_ignored(store: ReportCache) -> None:
    path = put(store, "2026-11-01")
    day, tactic = path.parent, path.parents[1]
    (day / f".{path.name}.0123456789ab.tmp").write_bytes(b"begun")
    (day / "Thumbs.db").write_bytes(b"x")
    (tactic / "notes.parquet").write_bytes(b"x")
    (tactic / "date=2026-11-02").mkdir()  # as left by a killed writer
    for name in ("date=soon", "date=20261101", "old"):
        (tactic / name).mkdir()
        (tactic / name / path.name).write_bytes(path.read_bytes())
    assert scalar(store.sql("select count(*) from campaigns where clicks = 3")) == 1


@pytest.mark.parametrize(
    "query",
    [
        "copy campaigns to '{folder}/copy.csv'",
        "copy (select 1) to '.tmp/copy.csv'",
        "export database '{folder}/copy'",
        "attach '{folder}/copy.db'",
        "select * from read_csv('{store}/profiles/x.json')",
        "select * from read_parquet('{store}/reports/**/*.parquet')",
        "select * from '{folder}/some.csv'",
        "select * from glob('{folder}/*')",
        "select * from read_text('{folder}/some.csv')",
        "set enable_external_access = true",
        "install httpfs",
        "delete from campaigns",
        "drop view campaigns",
        "create table copy as select * from campaigns",
        "select 1; drop view campaigns",
        "select * from local",
        "select * from views",
        "",
        "-- nothing",
    ],
)
def test_queries_read_no_other_files_and_change_nothing(
    query: str, store: ReportCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "2026-11-01")
    (tmp_path / "some.csv").write_text("secret\n1\n")
    monkeypatch.chdir(tmp_path)
    local = pd.DataFrame({"a": [1]})
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(sda.InvalidRequest):
        store.sql(query.format(folder=tmp_path, store=store.path))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert scalar(store.sql("select count(*) from campaigns")) == len(local)


@pytest.mark.parametrize(
    ("query", "parameters", "message"),
    [
        ("selec 1", None, "syntax error"),
        ("select nope from campaigns", None, "nope"),
        ("select * from campaign", None, "campaigns"),
        ("select * from campaigns where date = ?", [], "parameter"),
        ("select 1", [2], "arameter"),
        ("select ?", "1", "a list"),
        ("select ?", [object()], "object"),
        (7, None, "string"),
        ("select sum(9223372036854775807) as big from range(2)", None, "big"),
        ("select 18446744073709551615::ubigint as big", None, "big"),
        ("select timestamp '2026-11-01 10:00:00.5' as moment", None, "moment"),
        ("select error('never')", None, "never"),
    ],
)
def test_invalid_queries_are_explained(
    query: str, parameters: object, message: str, store: ReportCache
) -> None:
    with pytest.raises(sda.InvalidRequest, match=message):
        store.sql(query, parameters)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "value", "dtype"),
    [
        ("max(campaignId)", 2**60 + 1, "Int64"),
        ("sum(campaignId)", 2**60 + 1, "Int64"),
        ("count(*)", 1, "Int64"),
        ("sum(clicks) / sum(impressions)", 0.075, "float64"),
        ("sum(clicks) * 1.5", 4.5, "float64"),
        ("date_trunc('month', max(date))", pd.Timestamp("2026-11-01"), "datetime64[s]"),
        ("max(date) + interval 1 day", pd.Timestamp("2026-11-03"), "datetime64[s]"),
        ("max(clicks) > 2", True, "boolean"),
        ("max(campaignName)", "Größe", "str"),
        ("max(tactic)::enum('T00020', 'T00030')", "T00020", "str"),
        ("list(clicks)", [3], "object"),
    ],
)
def test_results_are_typed(text: str, value: object, dtype: str, store: ReportCache) -> None:
    put(store, "2026-11-02", impressions=40, campaignName="Größe")
    frame = store.sql(f"select {text} as value from campaigns")
    assert str(frame["value"].dtype) == dtype
    assert scalar(frame) == value


def test_columns_are_named_as_in_the_query(store: ReportCache) -> None:
    frame = store.sql('select 1 as a, 2 as a, 3 as "B c"')
    assert frame.columns.tolist() == ["a", "a", "B c"]
    assert frame.iloc[0].tolist() == [1, 2, 3]


def test_views_can_be_joined_with_one_another(store: ReportCache) -> None:
    put(store, "2026-11-01", clicks=1)
    put(store, "2026-11-02", clicks=5)
    gained = store.sql(
        "select b.clicks - a.clicks as gained from campaigns as a join campaigns as b "
        "on b.date = a.date + 1 and a.campaignId = b.campaignId"
    )
    assert gained["gained"].tolist() == [4]


def test_without_duckdb_the_error_says_what_to_install(
    store: ReportCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(MissingDependency, match=r"ReportCache\.sql needs .* pip install duckdb"):
        store.sql("select 1")


def test_ctrl_c_ends_a_query(store: ReportCache) -> None:
    put(store, "2026-11-01")
    endless_query = (
        "select count(*) from range(4000000) a, range(4000000) b where a.range + b.range = 7"
    )
    assert scalar(store.sql("select count(*) from campaigns")) == 1
    before = set(threading.enumerate())
    threading.Timer(0.3, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        store.sql(endless_query)
    assert scalar(store.sql("select count(*) from campaigns")) == 1
    # DuckDB's own threads are daemons, where Python knows of them.
    started = [t for t in threading.enumerate() if t not in before and not t.daemon]
    for thread in started:
        thread.join(10)
        assert not thread.is_alive()
