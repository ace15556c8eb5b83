"""Stores in folders that other programs use, too: what these leave, hold open, or copy."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sdanalytics import CacheError, ReportCache
from sdanalytics.store.backends.disk import LocalStorage
from tests.support.clock import JumpingClock
from tests.support.samples import GERMANY, US, day, store_samples

LITTER = (
    ".DS_Store", "._report.parquet", ".report.parquet.crc", "report.parquet.crc", "_SUCCESS",
    "Thumbs.db", "desktop.ini", ".ipynb_checkpoints/report.parquet", "__MACOSX/._x",
)  # fmt: skip
COPIES = (
    "report (1).parquet", "report (Ann's conflicted copy 2026-11-02).parquet",
    "report-LAPTOP7.parquet", "report.sync-conflict-20261102-101500-ABCDEFG.parquet",
)  # fmt: skip


@pytest.fixture
def full(store: ReportCache) -> ReportCache:
    store_samples(store, "campaigns", 3, 2, metrics=["clicks"])
    return store


def report_file(store: ReportCache) -> Path:
    return Path(store.entries()["path"][0])


@pytest.mark.parametrize("name", LITTER)
@pytest.mark.parametrize("levels", [0, 3, 6])
def test_litter_is_passed_over(full: ReportCache, name: str, levels: int) -> None:
    before = full.read("campaigns", day(3), day(2))
    folder = report_file(full).parents[levels]
    for place in (folder, full.path / "profiles"):
        place.joinpath(name).parent.mkdir(exist_ok=True)
        place.joinpath(name).write_bytes(b"litter")
    assert full.verify().empty
    assert full.repair().empty
    assert folder.joinpath(name).exists()
    assert len(full.entries()) == 4
    assert full.read("campaigns", day(3), day(2)).equals(before)
    assert full.sql("select clicks from campaigns")["clicks"].sum() == before["clicks"].sum()


def test_litter_of_a_removed_profile_is_no_profile(full: ReportCache) -> None:
    store_samples(full, "campaigns", 2, 2, metrics=["clicks"], profile_id=GERMANY)
    folder = next(full.path.glob(f"reports/*/profile_id={GERMANY}"))
    folder.joinpath(".DS_Store").touch()
    assert full.remove("campaigns", day(2), profile_id=GERMANY) == 2
    assert full.read("campaigns", day(2)).attrs["sdanalytics"]["profile_id"] == str(US)


def test_conflict_copies_are_reported_once_and_all_moved_aside(full: ReportCache) -> None:
    file = report_file(full)
    for name in COPIES:
        shutil.copy(file, file.with_name(name))
    month = full.path / "months"
    before = full.entries()
    problems = full.verify()
    assert len(problems) == 1
    assert Path(problems["path"][0]).name in COPIES
    assert "3 more" in problems["problem"][0]
    moved = full.repair()
    assert sorted(Path(path).name for path in moved["path"]) == sorted(COPIES)
    assert full.verify().empty
    assert full.entries().equals(before)
    assert not month.exists() or not list(month.rglob("*(1)*"))


def test_a_single_conflict_copy_is_reported_as_it_is(full: ReportCache) -> None:
    file = report_file(full)
    shutil.copy(file, file.with_name(COPIES[0]))
    file.with_name("notes.txt").write_text("mine")
    problems = full.verify()
    assert [Path(path).name for path in problems["path"]] == ["notes.txt", COPIES[0]]
    assert "more" not in problems["problem"][1]


class Refusing:
    """An operation of the system that is refused for some times."""

    def __init__(self, operation: Callable[..., None], times: float) -> None:
        self.operation = operation
        self.times = times

    def __call__(self, *paths: str, **options: Any) -> None:
        if self.times > 0:
            self.times -= 1
            raise PermissionError(errno.EACCES, "Access is denied", paths[0])
        self.operation(*paths, **options)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("replace", lambda storage: write(storage, b"new")),
        ("unlink", lambda storage: storage.remove("reports/file")),
        ("rename", lambda storage: storage.move(next(storage.walk("reports")), "damaged/file")),
    ],
)
def test_a_change_that_is_refused_for_a_moment_is_tried_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    change: Callable[[LocalStorage], None],
) -> None:
    clock = JumpingClock()
    storage = LocalStorage(tmp_path, clock)
    write(storage, b"old")
    original = getattr(os, name)
    monkeypatch.setattr(os, name, Refusing(original, 5))
    change(storage)
    assert 0 < sum(clock.waits) < 1
    monkeypatch.setattr(os, name, original)
    write(storage, b"old")
    clock.waits.clear()
    monkeypatch.setattr(os, name, Refusing(original, 10**6))
    with pytest.raises((CacheError, PermissionError), match=r"Permission denied|denied"):
        change(storage)
    assert sum(clock.waits) == pytest.approx(1, abs=0.1)
    monkeypatch.setattr(os, name, original)
    assert storage.read("reports/file") == b"old"


def write(storage: LocalStorage, content: bytes) -> None:
    with storage.atomic_write("reports/file") as file:
        file.write(content)


def test_a_day_is_stored_although_its_file_is_held_for_a_moment(
    full: ReportCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "replace", Refusing(os.replace, 2))
    store_samples(full, "campaigns", 3, 2, metrics=["clicks", "cost"])
    assert "cost" in full.read("campaigns", day(3), day(2))


def test_a_path_that_is_too_long_is_named(tmp_path: Path) -> None:
    store = ReportCache(tmp_path / ("x" * 300))
    with pytest.raises(CacheError, match=r"the path is too long.*shorter path"):
        store_samples(store, "campaigns", 2, 2, metrics=["clicks"])
