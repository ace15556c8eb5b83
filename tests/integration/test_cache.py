"""The store: open formats, atomic writes, and validation."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, fetch_report, sandbox
from sdanalytics.model.dtypes import arrow_schema
from sdanalytics.model.literals import Tactic
from sdanalytics.model.partition import Partition, Provenance
from sdanalytics.store.cache import TemporaryCache
from tests.support.box import Box
from tests.support.stores import partitions_in


def fetch(box: Box, store: ReportCache, *metrics: str) -> pd.DataFrame:
    names = metrics or ("clicks", "cost", "currency")
    return fetch_report(
        "campaigns", box.day(3), box.day(2), metrics=names, client=box.client, cache=store
    )


def files(store: ReportCache) -> list[Path]:
    return sorted((store.path / "reports").rglob("*.parquet"))


def test_the_layout_is_as_documented(box: Box, store: ReportCache) -> None:
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


def test_other_engines_read_the_same_values(box: Box, store: ReportCache) -> None:
    frame = fetch(box, store)
    root = store.path / "reports"
    table = ds.dataset(root, partitioning="hive").to_table()
    assert table.num_rows == len(frame)
    assert sum(table["cost"].to_pylist()) == pytest.approx(frame["cost"].sum())
    result = duckdb.sql(
        f"select tactic, date, sum(clicks) as clicks from read_parquet('{root}/**/*.parquet', "
        "hive_partitioning=true) group by all order by date, tactic"
    ).df()
    expected = frame.groupby(["date", "tactic"], observed=True)["clicks"].sum()
    assert result["clicks"].tolist() == expected.tolist()


def test_files_hold_their_provenance(box: Box, store: ReportCache) -> None:
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


def test_read_works_without_an_account(box: Box, store: ReportCache) -> None:
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


def test_read_requires_a_profile_if_several_are_stored(box: Box, store: ReportCache) -> None:
    fetch(box, store)
    german = box.client_for(1)
    fetch_report("campaigns", box.day(3), client=german, cache=store)
    with pytest.raises(sda.InvalidRequest, match=str(german.profile_id)):
        store.read("campaigns", box.day(3))
    frame = store.read("campaigns", box.day(3), profile_id=german.profile_id)
    assert frame["currency"].unique().tolist() == ["EUR"]


def test_only_remove_deletes_a_day(box: Box, store: ReportCache) -> None:
    fetch(box, store)
    assert store.remove("campaigns", box.day(3), tactic="T00020") == 1
    assert store.remove("campaigns", box.day(3), tactic="T00020") == 0
    assert len(store.entries()) == 3
    fetch(box, store)
    assert box.sandbox.count("request_report") == 5


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _damage_page(path: Path) -> None:
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
    index = table.schema.get_field_index("clicks")
    pq.write_table(table.set_column(index, "clicks", table["clicks"].cast("double")), path)


@pytest.mark.parametrize(
    "damage", [_cut, _damage_page, _empty, _foreign, _of_another_day, _wrong_types]
)
def test_damaged_and_foreign_files_are_reported_and_fetched_again(
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


def _rewrite(path: Path, change: Callable[[pa.Table], pa.Table], **options: Any) -> None:
    """Rewrite the rows of a file, and keep its metadata."""
    table = pq.read_table(path, partitioning=None)
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path, **options)


def _add_a_click(table: pa.Table) -> pa.Table:
    index = table.schema.get_field_index("clicks")
    return table.set_column(index, "clicks", pc.add(table["clicks"], 1))


def _without_checksum(table: pa.Table) -> pa.Table:
    metadata = json.loads(table.schema.metadata[b"sdanalytics"])
    del metadata["checksum"]
    return table.replace_schema_metadata({b"sdanalytics": json.dumps(metadata).encode()})


def test_changed_rows_are_reported(box: Box, store: ReportCache) -> None:
    fetch(box, store)
    path = files(store)[0]
    _rewrite(path, _add_a_click)
    problems = store.verify()
    assert problems["path"].tolist() == [str(path)]
    assert "differ from those that were stored" in problems["problem"][0]
    _rewrite(path, lambda table: table.take(list(reversed(range(len(table))))))
    assert "differ from those that were stored" in store.verify()["problem"][0]


def test_the_same_rows_in_another_layout_are_valid(box: Box, store: ReportCache) -> None:
    fetch(box, store, "campaignName", "clicks", "cost", "currency")
    for path in files(store):
        _rewrite(path, lambda table: table, row_group_size=3, use_dictionary=False)
    assert store.verify().empty


def test_a_file_without_a_checksum_is_valid(box: Box, store: ReportCache) -> None:
    frame = fetch(box, store)
    for path in files(store):
        table = _without_checksum(pq.read_table(path, partitioning=None))
        pq.write_table(table, path)
    assert store.verify().empty
    pd.testing.assert_frame_equal(fetch(box, store), frame)
    assert box.sandbox.count("request_report") == 4


def test_a_stray_file_is_reported_and_left_alone(box: Box, store: ReportCache) -> None:
    fetch(box, store)
    stray = files(store)[0].with_name("notes.txt")
    stray.write_text("mine")
    assert store.verify()["path"].tolist() == [str(stray)]
    fetch(box, store)
    assert stray.read_text() == "mine"
    assert len(store.entries()) == 4


class TestRepair:
    def test_invalid_files_are_quarantined_and_not_deleted(
        self, box: Box, store: ReportCache
    ) -> None:
        frame = fetch(box, store)
        cut, folder, good, foreign = files(store)
        _cut(cut)
        content = cut.read_bytes()
        folder.unlink()
        folder.mkdir()
        (folder / "inside").write_text("mine")
        _foreign(foreign)
        stray = foreign.with_name("notes.txt")
        stray.write_text("mine, too")
        problems = store.verify()
        assert set(problems["path"]) == {str(path) for path in (cut, folder, foreign, stray)}
        moved = store.repair()
        assert moved.dtypes.astype("str").tolist() == ["str"] * 3
        pd.testing.assert_frame_equal(moved[["path", "problem"]], problems)
        for path, aside in zip(moved["path"], moved["moved_to"], strict=True):
            relative = Path(path).relative_to(store.path)
            assert Path(aside).relative_to(store.path / "damaged").parent == relative.parent
            assert not Path(path).exists()
        asides = dict(zip(moved["path"], map(Path, moved["moved_to"]), strict=True))
        assert asides[str(cut)].read_bytes() == content
        assert (asides[str(folder)] / "inside").read_text() == "mine"
        assert asides[str(stray)].read_text() == "mine, too"
        assert good.exists()
        assert store.verify().empty
        assert store.repair().empty
        assert len(fetch(box, store)) == len(frame)
        assert box.sandbox.count("request_report") == 7
        assert store.verify().empty

    def test_quarantined_files_are_not_overwritten(self, box: Box, store: ReportCache) -> None:
        fetch(box, store)
        path = files(store)[0]
        moved = []
        for content in (b"first", b"second"):
            path.write_bytes(content)
            moved += [Path(aside) for aside in store.repair()["moved_to"]]
        assert [aside.read_bytes() for aside in moved] == [b"first", b"second"]
        root = store.path / "damaged"
        assert len([file for file in root.rglob("*") if file.is_file()]) == 2
        assert len(store.entries()) == 3

    @pytest.mark.parametrize(
        "pattern",
        ["reports", "profiles", "reports/*", "profiles/*", "reports/*/*/*", "profiles/*/*"],
    )
    def test_an_obstacle_is_quarantined(self, box: Box, store: ReportCache, pattern: str) -> None:
        frame = fetch(box, store)
        (path,) = store.path.glob(pattern)
        is_file = path.is_file()
        path.rename(store.path / "aside")
        path.mkdir() if is_file else path.touch()
        with pytest.raises(sda.CacheError, match="is in the way"):
            fetch(box, store)
        assert box.sandbox.count("request_report") == 4
        assert store.verify()["path"].tolist() == [str(path)]
        store.repair()
        assert store.verify().empty
        assert len(fetch(box, store)) == len(frame)

    def test_damaged_profile_metadata_is_quarantined(self, box: Box, store: ReportCache) -> None:
        fetch(box, store)
        profile_file = next((store.path / "profiles").rglob("*.json"))
        for content in (
            profile_file.read_text()[:-9],
            "{}",
            profile_file.read_text().replace("25", "52"),
        ):
            before = profile_file.read_text()
            profile_file.write_text(content)
            if content != before:
                assert store.verify()["path"].tolist() == [str(profile_file)], content
                store.repair()
            fetch(box, store)
            assert store.verify().empty

    def test_a_copy_under_another_key_is_foreign(self, box: Box, store: ReportCache) -> None:
        fetch(box, store)
        path = files(store)[0]
        for other in (path.parents[1] / "date=20261118", store.path / "reports" / "old"):
            other.mkdir()
            shutil.copy(path, other)
            assert len(store.entries()) == 4
            assert store.verify()["path"].tolist() == [str(other / path.name)]
            store.repair()

    def test_a_file_that_cannot_be_moved_is_reported_after_the_others(
        self, box: Box, store: ReportCache
    ) -> None:
        fetch(box, store)
        stuck, free = files(store)[:2]
        _cut(stuck)
        _cut(free)
        folder = stuck.relative_to(store.path).parent
        in_the_way = store.path / "damaged" / folder
        in_the_way.parent.mkdir(parents=True)
        in_the_way.touch()
        with pytest.raises(sda.CacheError, match=f"file {in_the_way} is in the way") as caught:
            store.repair()
        assert str(stuck) in str(caught.value)
        assert store.verify()["path"].tolist() == [str(stuck)]
        in_the_way.unlink()
        assert store.repair()["path"].tolist() == [str(stuck)]


def test_damage_does_not_reduce_the_requested_metrics(box: Box, store: ReportCache) -> None:
    fetch(box, store, "clicks", "cost")
    _damage_page(files(store)[0])
    fetch(box, store, "impressions")
    assert store.entries()["columns"].map(len).tolist() == [4, 4, 4, 4]


def test_an_impossible_store_path_is_an_error(box: Box, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(sda.CacheError, match="SDANALYTICS_CACHE_DIR"):
        fetch(box, ReportCache(tmp_path / "file" / "store"))
    assert box.sandbox.count("request_report") == 0


def test_a_tilde_is_expanded_to_the_home_folder(
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


def test_a_damaged_page_loses_no_column(box: Box, store: ReportCache) -> None:
    fetch(box, store, "campaignName", "clicks", "cost")
    for path in files(store):
        _damage_page(path)
    fetch(box, store, "campaignName")
    assert {tuple(columns) for columns in store.entries()["columns"]} == {
        ("campaignId", "campaignName", "clicks", "cost")
    }


def test_concurrent_calls_lose_no_column(store: ReportCache) -> None:
    wanted = ["clicks", "cost", "impressions", "vtr"]
    frames: dict[str, pd.DataFrame] = {}
    with sandbox.start(delay=0.1) as box:
        options: dict[str, Any] = {"tactic": "T00020", "client": box.client, "cache": store}
        day = box.today - timedelta(50)

        def fetch(metric: str) -> None:
            frames[metric] = fetch_report("campaigns", day, metrics=[metric], **options)

        threads = [threading.Thread(target=fetch, args=[metric]) for metric in wanted]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [frames[metric].columns[-1] for metric in wanted] == wanted
        [columns] = store.entries()["columns"]
        assert any(set(frames[metric].columns[2:]) <= set(columns) for metric in wanted)
        last = fetch_report("campaigns", day, metrics=wanted, **options)
    for metric in wanted:
        pd.testing.assert_series_equal(last[metric], frames[metric][metric])


def test_missing_rows_are_damage(box: Box, store: ReportCache) -> None:
    frame = fetch(box, store)
    path = files(store)[0]
    whole = pq.ParquetFile(path)
    table = whole.read()
    pq.write_table(table.slice(0, 1), path)
    assert "rows" in store.verify()["problem"][0]
    pd.testing.assert_frame_equal(fetch(box, store), frame)


def test_removing_a_profile_leaves_no_files(box: Box, store: ReportCache) -> None:
    fetch(box, store)
    german = box.client_for(1)
    fetch_report("campaigns", box.day(3), client=german, cache=store)
    store.remove("campaigns", box.day(3), profile_id=german.profile_id)
    assert len(store.read("campaigns", box.day(3), box.day(2))) > 0


def test_read_returns_the_default_order_and_the_currency(box: Box, store: ReportCache) -> None:
    frame = fetch_report("campaigns", box.day(3), client=box.client, cache=store)
    read = store.read("campaigns", box.day(3))
    pd.testing.assert_frame_equal(read, frame)
    assert read.attrs["sdanalytics"]["currency"] == "USD"


def test_a_call_without_a_cache_leaves_no_files(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    fetch_report("campaigns", box.day(3), client=box.client, cache=False)
    assert [path for path in tmp_path.iterdir() if path.name.startswith("sdanalytics")] == []
    with TemporaryCache() as temporary:
        assert temporary.path.is_dir()
    partition = Partition("NA", "1", "campaigns", None, "T00020", date(2026, 11, 1))
    tables = {partition: arrow_schema(["campaignId"]).empty_table()}
    origin = Provenance("x", box.clock.now(), "v2")
    with pytest.raises(sda.CacheError, match="one call only"):
        partitions_in(temporary).store_report(tables, origin)
    assert not temporary.path.exists()


def test_frames_of_different_days_keep_their_types_together(box: Box) -> None:
    tactics: dict[int, Tactic] = {1: "T00020", 30: "T00030"}
    frames = [
        fetch_report("campaigns", box.day(ago), tactic=tactic, client=box.client, cache=False)
        for ago, tactic in tactics.items()
    ]
    box.sandbox.set_content(lambda report: [])
    frames.append(fetch_report("campaigns", box.day(5), client=box.client, cache=False))
    together = pd.concat(frames)
    for name in ("tactic", "costType", "campaignStatus"):
        assert together[name].dtype == "category", name
        assert together[name].dtype == frames[0][name].dtype
