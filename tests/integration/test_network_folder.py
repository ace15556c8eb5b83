"""The registry in a folder of another machine: its journal is one that works there."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, ReportTimeout, fetch_report
from sdanalytics.store.in_flight import DATABASE_FILENAME
from tests.support.box import Box

ROOT = "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"


def mount(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: ReportCache, *types: str) -> None:
    """Let the system list these file systems, one above the other, where the store is."""
    point = str(store.path.resolve()).replace(" ", "\\040")
    lines = [
        f"{40 + i} 21 0:{i} / {point} rw - {name} server:/x rw\n" for i, name in enumerate(types)
    ]
    mounts = tmp_path / "mountinfo"
    mounts.write_text(ROOT + "".join(lines))
    monkeypatch.setattr("sdanalytics.store.lock_errors._MOUNTS", mounts)


def journal(store: ReportCache) -> str:
    """Return the journal of the registry: a log is a lasting property of its file."""
    path = store.path / DATABASE_FILENAME
    with contextlib.closing(sqlite3.connect(path)) as database:
        mode: str = database.execute("pragma journal_mode").fetchone()[0]
    return mode


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "virtiofs"])
def test_network_folders_have_no_write_ahead_log(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    store = ReportCache(tmp_path / "a store")
    mount(monkeypatch, tmp_path, store, "ext4", kind)
    with pytest.raises(ReportTimeout):
        fetch_report("campaigns", box.day(2), client=box.client, cache=store, timeout=2)
    assert journal(store) != "wal"
    assert len(sda.pending(store)) == 2
    assert len(fetch_report("campaigns", box.day(2), client=box.client, cache=store)) > 0
    assert box.sandbox.count("request_report") == 2


@pytest.mark.parametrize("kinds", [[], ["xfs"], ["nfs", "overlay"], ["fuseblk"]])
def test_local_folders_have_one(
    box: Box, tmp_path: Path, store: ReportCache, monkeypatch: pytest.MonkeyPatch, kinds: list[str]
) -> None:
    mount(monkeypatch, tmp_path, store, *kinds)
    fetch_report("campaigns", box.day(2), client=box.client, cache=store)
    assert journal(store) == "wal"


def test_a_journal_that_works_everywhere_stays(
    box: Box, tmp_path: Path, store: ReportCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine whose disk it is takes part, too."""
    fetch_report("campaigns", box.day(4), client=box.client, cache=store)
    for kind in ("nfs4", "ext4"):
        mount(monkeypatch, tmp_path, store, kind)
        fetch_report("campaigns", box.day(3), client=box.client, cache=store, refresh="always")
        assert journal(store) != "wal"
