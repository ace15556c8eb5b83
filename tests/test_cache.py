"""The store: readable by anything, whole or not at all, never the wrong frame."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, fetch_report
from sdanalytics.query import Slice
from sdanalytics.schema import arrow_schema
from tests.conftest import Box


def fetch(box: Box, store: ReportCache, *metrics: str) -> pd.DataFrame:
    names = metrics or ("clicks", "cost", "currency")
    return fetch_report(
        "campaigns", box.day(3), box.day(2), metrics=names, client=box.client, cache=store
    )


def files(store: ReportCache) -> list[Path]:
    return sorted((store.path / "reports").rglob("*.parquet"))


def test_the_layout_is_the_contracts(box: Box, store: ReportCache) -> None:
    fetch(box, store)
    fetch_report(
        "targets", box.day(3), segment="matchedTarget", tactic="T00030", client=box.client,
        cache=store,
    )  # fmt: skip
    host = box.sandbox.base_url.removeprefix("http://")
    profile = box.sandbox.profile_ids[0]
    below = store.path / "reports" / f"source={host}" / f"profile_id={profile}"
    assert files(store) == sorted(
        [
            below / f"record_type=campaigns/segment=none/tactic={tactic}/date={day}/report.parquet"
            for tactic in ("T00020", "T00030")
            for day in (box.day(3), box.day(2))
        ]
        + [
            below / "record_type=targets/segment=matchedTarget/tactic=T00030"
            f"/date={box.day(3)}/report.parquet"
        ]
    )


def test_other_engines_read_the_same(box: Box, store: ReportCache) -> None:
    frame = fetch(box, store)
    root = store.path / "reports"
    table = ds.dataset(root, partitioning="hive").to_table()
    assert table.num_rows == len(frame)
    assert sum(table["cost"].to_pylist()) == pytest.approx(frame["cost"].sum())
    asked = duckdb.sql(
        f"select tactic, date, sum(clicks) as clicks from read_parquet('{root}/**/*.parquet', "
        "hive_partitioning=true) group by all order by date, tactic"
    ).df()
    expected = frame.groupby(["date", "tactic"], observed=True)["clicks"].sum()
    assert asked["clicks"].tolist() == expected.tolist()


def test_a_file_tells_where_it_came_from(box: Box, store: ReportCache) -> None:
    fetch(box, store)
    entries = store.entries()
    assert entries.columns.tolist() == [
        "source", "profile_id", "record_type", "segment", "tactic", "date", "rows", "columns",
        "fetched_at", "api", "report_id", "bytes", "path",
    ]  # fmt: skip
    assert set(entries["report_id"]) == set(box.sandbox.reports)
    assert entries["api"].tolist() == ["v2"] * 4
    assert entries["columns"][0] == ["campaignId", "clicks", "cost", "currency"]
    assert entries["rows"].sum() == len(fetch(box, store))
    assert (entries["fetched_at"] <= pd.Timestamp(box.clock.now())).all()
    assert entries["date"].dtype == "datetime64[s]"
    assert len(ReportCache(store.path / "nothing").entries()) == 0


def test_read_needs_no_account(box: Box, store: ReportCache) -> None:
    frame = fetch(box, store)
    box.sandbox.stop()
    read = store.read("campaigns", box.day(3), box.day(2), metrics=["clicks", "cost", "currency"])
    pd.testing.assert_frame_equal(read, frame)
    assert read.attrs["sdanalytics"]["slices_missing"] == 0
    wider = store.read("campaigns", box.day(10), box.day(0))
    assert len(wider) == len(frame)
    assert set(wider.columns) == set(frame.columns)
    assert wider.attrs["sdanalytics"]["slices_missing"] == 18
    with pytest.raises(sda.InvalidRequest, match="without impressions"):
        store.read("campaigns", box.day(3), metrics=["impressions"])


def test_read_asks_whose_when_there_are_several(box: Box, store: ReportCache) -> None:
    fetch(box, store)
    german = box.client_for(1)
    fetch_report("campaigns", box.day(3), client=german, cache=store)
    with pytest.raises(sda.InvalidRequest, match=german.profile_id):
        store.read("campaigns", box.day(3))
    frame = store.read("campaigns", box.day(3), profile_id=german.profile_id)
    assert frame["currency"].unique().tolist() == ["EUR"]


def test_remove_is_the_only_way_to_lose_a_day(box: Box, store: ReportCache) -> None:
    fetch(box, store)
    assert store.remove("campaigns", box.day(3), tactic="T00020") == 1
    assert store.remove("campaigns", box.day(3), tactic="T00020") == 0
    assert len(store.entries()) == 3
    fetch(box, store)
    assert box.sandbox.count("request_report") == 5


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _flip(path: Path) -> None:
    """Damage a page, not the footer."""
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _foreign(path: Path) -> None:
    pq.write_table(pa.table({"campaignId": [1], "clicks": [2], "cost": [3.0]}), path)


def _of_another_day(path: Path) -> None:
    other = next(p for p in path.parents[1].glob("*/report.parquet") if p != path)
    shutil.copy(other, path)


def _wrong_types(path: Path) -> None:
    table = pq.read_table(path, partitioning=None)
    place = table.schema.get_field_index("clicks")
    pq.write_table(table.set_column(place, "clicks", table["clicks"].cast("double")), path)


@pytest.mark.parametrize("damage", [_cut, _flip, _empty, _foreign, _of_another_day, _wrong_types])
def test_what_is_damaged_or_foreign_is_told_and_fetched_again(
    box: Box, store: ReportCache, damage: Callable[[Path], None]
) -> None:
    frame = fetch(box, store)
    assert store.verify().empty
    path = files(store)[0]
    damage(path)
    problems = store.verify()
    assert problems["path"].tolist() == [str(path)]
    assert problems["problem"][0]
    pd.testing.assert_frame_equal(fetch(box, store), frame)
    assert box.sandbox.count("request_report") == 5
    assert store.verify().empty


def test_a_stray_file_is_told_and_left_alone(box: Box, store: ReportCache) -> None:
    fetch(box, store)
    stray = files(store)[0].with_name("notes.txt")
    stray.write_text("mine")
    assert store.verify()["path"].tolist() == [str(stray)]
    fetch(box, store)
    assert stray.read_text() == "mine"
    assert len(store.entries()) == 4


def test_damage_does_not_narrow_what_is_asked(box: Box, store: ReportCache) -> None:
    fetch(box, store, "clicks", "cost")
    _flip(files(store)[0])
    fetch(box, store, "impressions")
    assert store.entries()["columns"].map(len).tolist() == [4, 4, 4, 4]


def test_what_cannot_be_written_is_said_and_loses_nothing(
    box: Box, store: ReportCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = fetch(box, store, "clicks")
    before = {path: path.read_bytes() for path in files(store)}

    def no_space(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        with pytest.raises(sda.CacheError, match="No space left on device") as caught:
            fetch(box, store, "clicks", "cost")
    assert str(store.path) in str(caught.value)
    assert {path: path.read_bytes() for path in files(store)} == before
    assert store.verify().empty
    pd.testing.assert_frame_equal(fetch(box, store, "clicks"), frame)


def test_a_store_in_an_impossible_place_is_said(box: Box, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(sda.CacheError, match="SDANALYTICS_CACHE_DIR"):
        fetch(box, ReportCache(tmp_path / "file" / "store"))
    assert box.sandbox.count("request_report") == 0


def test_files_carry_the_users_permissions(box: Box, store: ReportCache) -> None:
    before = os.umask(0o027)
    try:
        fetch(box, store)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in files(store)} == {0o640}


def test_the_default_place_is_the_users_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    import platformdirs

    assert ReportCache().path.name == "default-store"
    monkeypatch.delenv("SDANALYTICS_CACHE_DIR")
    assert ReportCache().path == platformdirs.user_data_path("sdanalytics", appauthor=False)
    assert repr(ReportCache("/x")) == "ReportCache('/x')"


def test_a_home_folder_is_the_users(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    frame = fetch_report("campaigns", box.day(1), client=box.client, cache="~/mine")
    assert len(frame) > 0
    assert box.sandbox.count("request_report") == 2
    assert (tmp_path / "home" / "mine" / "reports").is_dir()
    assert not (tmp_path / "~").exists()
    with pytest.raises(sda.InvalidRequest, match="empty"):
        ReportCache("")


def test_a_damaged_page_costs_no_column(box: Box, store: ReportCache) -> None:
    fetch(box, store, "campaignName", "clicks", "cost")
    for path in files(store):
        _flip(path)
    fetch(box, store, "campaignName")
    assert {tuple(columns) for columns in store.entries()["columns"]} == {
        ("campaignId", "campaignName", "clicks", "cost")
    }


@pytest.mark.parametrize("turn", range(3))
def test_calls_side_by_side_lose_no_column(box: Box, store: ReportCache, turn: int) -> None:
    day = box.day(30)  # old enough for nothing to change while the clock jumps
    wanted = ["clicks", "cost", "impressions", "vtr"]
    frames: dict[str, pd.DataFrame] = {}

    def ask(metric: str) -> None:
        frames[metric] = fetch_report(
            "campaigns", day, metrics=[metric], tactic="T00020", client=box.client,
            cache=store,
        )  # fmt: skip

    threads = [threading.Thread(target=ask, args=[metric]) for metric in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [frames[metric].columns[-1] for metric in wanted] == wanted
    columns = store.entries()["columns"]
    assert len(columns) == 1
    assert any(set(frames[metric].columns[2:]) <= set(columns[0]) for metric in wanted)
    last = fetch_report(
        "campaigns", day, metrics=wanted, tactic="T00020", client=box.client, cache=store
    )
    for metric in wanted:
        pd.testing.assert_series_equal(last[metric], frames[metric][metric])


def test_fewer_rows_than_there_were_are_damage(box: Box, store: ReportCache) -> None:
    frame = fetch(box, store)
    path = files(store)[0]
    whole = pq.ParquetFile(path)
    table = whole.read()
    pq.write_table(table.slice(0, 1), path)
    assert "rows" in store.verify()["problem"][0]
    pd.testing.assert_frame_equal(fetch(box, store), frame)


def test_a_folder_in_the_place_of_a_file_is_told(box: Box, store: ReportCache) -> None:
    fetch(box, store)
    path = files(store)[0]
    path.unlink()
    path.mkdir()
    assert store.verify()["path"].tolist() == [str(path)]
    with pytest.raises(sda.CacheError, match=r"report\.parquet"):
        fetch(box, store)
    with pytest.raises(sda.CacheError, match="cannot remove"):
        store.remove("campaigns", box.day(3), box.day(2))


def test_removing_all_of_a_profile_leaves_nothing_of_it(box: Box, store: ReportCache) -> None:
    fetch(box, store)
    german = box.client_for(1)
    fetch_report("campaigns", box.day(3), client=german, cache=store)
    store.remove("campaigns", box.day(3), profile_id=german.profile_id)
    assert len(store.read("campaigns", box.day(3), box.day(2))) > 0


def test_read_gives_the_usual_order_and_the_currency(box: Box, store: ReportCache) -> None:
    frame = fetch_report("campaigns", box.day(3), client=box.client, cache=store)
    read = store.read("campaigns", box.day(3))
    pd.testing.assert_frame_equal(read, frame)
    assert read.attrs["sdanalytics"]["currency"] == "USD"


def test_a_call_that_keeps_nothing_leaves_nothing(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    fetch_report("campaigns", box.day(3), client=box.client, cache=False)
    assert [path for path in tmp_path.iterdir() if path.name.startswith("sdanalytics")] == []
    closed = ReportCache(tmp_path / "gone")
    closed.close()
    with pytest.raises(sda.CacheError, match="one call only"):
        closed.store(
            Slice("NA", "1", "campaigns", None, "T00020", date(2026, 11, 1)),
            arrow_schema(["campaignId"]).empty_table(),
            report_id="x",
            fetched_at=box.clock.now(),
            api="v2",
        )
    assert not closed.path.exists()


def test_frames_of_different_days_keep_their_types_together(box: Box) -> None:
    frames = [
        fetch_report("campaigns", box.day(ago), tactic=tactic, client=box.client, cache=False)
        for ago, tactic in ((1, "T00020"), (30, "T00030"))
    ]
    box.sandbox.fill_with(lambda report: [])
    frames.append(fetch_report("campaigns", box.day(5), client=box.client, cache=False))
    together = pd.concat(frames)
    for name in ("tactic", "costType", "campaignStatus"):
        assert together[name].dtype == "category", name
        assert together[name].dtype == frames[0][name].dtype
