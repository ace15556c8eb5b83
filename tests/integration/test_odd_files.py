"""Files that are none, names that are no text, and a registry that is no database."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, ReportTimeout, fetch_report
from sdanalytics.store.in_flight import DATABASE_FILENAME
from tests.support.box import Box

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes")

NAME = os.fsdecode(b"caf\xe9")


def day_files(store: ReportCache) -> list[Path]:
    return sorted((store.path / "reports").rglob("report.parquet"))


def fetch(box: Box, store: ReportCache, ago: int, **options: Any) -> Any:
    return fetch_report("campaigns", box.day(ago), client=box.client, cache=store, **options)


def rows(frame: pd.DataFrame) -> list[dict[str, str]]:
    return [dict(row) for row in frame.to_dict("records")]  # type: ignore[arg-type]


def make_socket(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as other:
        other.bind(f"/proc/self/fd/{folder}/{path.name}")  # a longer address would be refused
    os.close(folder)


@pytest.mark.parametrize("make", [os.mkfifo, make_socket])
@pytest.mark.parametrize("pattern", ["report.parquet", "profile_id=*.json"])
def test_a_pipe_in_the_place_of_a_file_hangs_nothing(
    box: Box, store: ReportCache, make: Callable[[Path], None], pattern: str
) -> None:
    fetch(box, store, 2)
    path = sorted(store.path.rglob(pattern))[0]
    path.unlink()
    make(path)
    with pytest.raises(sda.CacheError, match=f"pipe or device .*{path.name} is in the way"):
        fetch(box, store, 2, timeout=5)
    problems = store.verify()
    assert problems["path"].tolist() == [str(path)]
    assert store.repair()["path"].tolist() == [str(path)]
    assert store.verify().empty
    assert len(fetch(box, store, 2)) > 0


def test_a_pipe_in_the_place_of_the_registry_hangs_nothing(
    box: Box, store: ReportCache, caplog: pytest.LogCaptureFixture
) -> None:
    store.path.mkdir()
    path = store.path / DATABASE_FILENAME
    os.mkfifo(path)
    assert len(fetch(box, store, 2, timeout=60)) > 0
    assert "not recorded" in caplog.text
    assert sda.pending(store).empty
    assert store.verify()["path"].tolist() == [str(path)]
    assert len(store.repair()) == 1
    with pytest.raises(ReportTimeout):
        fetch(box, store, 3, timeout=2)
    assert path.is_file()


@pytest.mark.parametrize(
    "place",
    ["reports/{}", "reports/{}/report.parquet", "profiles/{}.json", "campaigns/{}/x", "months/{}"],
)
def test_names_that_are_no_text_are_told_and_moved(
    box: Box, store: ReportCache, place: str
) -> None:
    fetch(box, store, 2)
    (store.path / "profiles" / "source=NA").mkdir(exist_ok=True)
    odd = store.path / place.format(NAME)
    odd.parent.mkdir(parents=True, exist_ok=True)
    odd.write_bytes(b"x")
    other = day_files(store)[-1]
    other.write_bytes(b"damaged")
    [told] = [path for path in store.verify()["path"] if "caf\\udce9" in path]
    moved = store.repair()
    assert sorted(moved["path"]) == sorted([told, str(other)])
    assert not odd.exists()
    assert store.verify().empty


def test_a_folder_of_a_source_that_is_no_text_is_no_source(box: Box, store: ReportCache) -> None:
    fetch(box, store, 2)
    [source] = (store.path / "reports").iterdir()
    odd = source.with_name(f"source={NAME}")
    source.rename(odd)
    assert store.entries().empty
    assert store.coverage().empty
    assert len(store.verify()) == 2
    assert len(store.repair()) == 2
    assert len(fetch(box, store, 2)) > 0


@pytest.mark.parametrize("content", [b"no database at all" * 100, None])
def test_a_registry_that_is_none_is_moved_aside(
    box: Box, store: ReportCache, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    path = store.path / DATABASE_FILENAME
    store.path.mkdir()
    if content is None:
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("create table reports (title text)")
    else:
        path.write_bytes(content)
    fetch(box, store, 2)
    assert "not recorded" in caplog.text
    assert ("ReportCache.repair() moves the file aside" in caplog.text) == (content is not None)
    [told] = rows(store.verify())
    assert told["path"] == str(path)
    assert "requested again" in told["problem"]
    [moved] = rows(store.repair())
    assert (moved["path"], moved["problem"]) == (told["path"], told["problem"])
    if content is not None:
        assert Path(moved["moved_to"]).read_bytes() == content
    assert store.verify().empty
    with pytest.raises(ReportTimeout):
        fetch(box, store, 3, timeout=2)
    assert len(sda.pending(store)) == 2
    assert store.verify().empty


@pytest.mark.parametrize(
    "change",
    [
        "update reports set pid = -1 where tactic = 'T00020'",
        "insert into paces values ('NA', '1', '{}')",
    ],
)
def test_odd_values_in_the_registry_are_told_and_removed(
    box: Box, store: ReportCache, change: str
) -> None:
    with pytest.raises(ReportTimeout):
        fetch(box, store, 2, timeout=2)
    assert store.verify().empty
    with contextlib.closing(sqlite3.connect(store.path / DATABASE_FILENAME)) as database, database:
        database.execute(change)
    [told] = rows(store.verify())
    assert told["problem"].startswith("1 of its entries have values that no call has written")
    [mended] = rows(store.repair())
    assert mended["path"] == str(store.path / DATABASE_FILENAME)
    assert store.repair()["moved_to"].dropna().empty
    assert store.verify().empty
    assert len(sda.pending(store)) == (1 if "pid" in change else 2)


def test_claims_outlast_a_registry_that_is_moved_while_a_call_runs(
    store: ReportCache,
) -> None:
    """The call records in the new one what it had recorded in the old one."""
    with sda.sandbox.start(delay=600) as box:
        options: dict[str, Any] = {"client": box.client, "cache": store}
        jobs = [sda.submit_report("campaigns", box.today, tactic="T00020", **options)]
        while not box.reports:
            assert not jobs[0].wait(0.01)
        (store.path / DATABASE_FILENAME).rename(store.path / "aside")
        jobs.append(sda.submit_report("campaigns", box.today, **options))
        while len(box.reports) < 2:
            assert not jobs[1].wait(0.01)
        for job in jobs:
            job.cancel()
            assert job.wait(10)
        assert set(sda.pending(store)["report_id"]) == set(box.reports)
        assert box.count("request_report") == 2


def test_a_registry_that_may_not_be_read_is_a_cache_error(
    box: Box, store: ReportCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ReportTimeout):
        fetch(box, store, 2, timeout=2)
    status = os.stat

    def refuse(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        if os.fspath(path).endswith(DATABASE_FILENAME):
            raise PermissionError(13, "Permission denied", path)
        return status(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", refuse)
    with pytest.raises(
        sda.CacheError, match=f"cannot read the in-flight registry .*{DATABASE_FILENAME}"
    ):
        sda.pending(store)
    plan = sda.plan_report("campaigns", box.day(2), client=box.client, cache=store)
    assert plan.reports == 2
