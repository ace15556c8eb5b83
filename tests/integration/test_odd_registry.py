"""A registry with values that no call has written, and one that has no room."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, fetch_report
from sdanalytics.store import leases
from sdanalytics.store.in_flight import DATABASE_FILENAME
from tests.support.box import Box

ODD: list[tuple[str, Any]] = [
    ("columns", "clicks"), ("columns", "[1, 2]"), ("columns", "{}"), ("columns", b"\xff"),
    ("columns", "[" * 5000), ("report_id", 5.5), ("report_id", ""), ("api", b"v2"),
    ("asked_at", "yesterday"), ("asked_at", ""), ("asked_at", "0001-01-01T00:00:00+14:00"),
    ("asked_at", "9999-12-31T23:59:59-14:00"), ("asked_at", 17), ("host", 5), ("pid", -1),
    ("pid", 0), ("pid", 2**40), ("pid", "x"), ("call", b"\x00"), ("lease", "soon"),
    ("lease", float("inf")), ("lease", -1.0), ("lease", 1e300), ("date", "2026-13-01"),
]  # fmt: skip


def database(store: ReportCache) -> contextlib.closing[sqlite3.Connection]:
    return contextlib.closing(sqlite3.connect(store.path / DATABASE_FILENAME))


def abandon(box: Box, store: ReportCache) -> None:
    """Leave reports in flight."""
    with pytest.raises(sda.ReportTimeout):
        fetch_report("campaigns", box.day(1), client=box.client, cache=store, timeout=1)
    assert len(sda.pending(store)) == 2


@pytest.mark.parametrize(("column", "value"), ODD)
def test_claims_with_odd_values_are_none(
    box: Box, store: ReportCache, column: str, value: object
) -> None:
    abandon(box, store)
    with database(store) as connection, connection:
        connection.execute(f"update or ignore reports set {column} = ?", [value])
    assert len(sda.pending(store)) <= 2
    sda.plan_report("campaigns", box.day(1), client=box.client, cache=store)
    frame = fetch_report("campaigns", box.day(1), client=box.client, cache=store)
    assert len(frame) > 0
    assert len(store.entries()) == 2


STATES = [
    "{}", "[]", "null", "1", "{", '{"creates": 1}',
    '{"creates": {"opens_at": "x", "refused_at": 0, "refusals": 0, "gap": 0}}',
    '{"creates": {"opens_at": 1e18, "refused_at": 0, "refusals": 0, "gap": 0}, '
    '"reads": {"opens_at": 0, "refused_at": 0, "refusals": 0, "gap": 0}, '
    '"window": {"size": null, "opens_at": 0, "patience": 1}, "as_of": 0}',
    '{"creates": {"opens_at": 0, "refused_at": 0, "refusals": 0, "gap": 1e9}, '
    '"reads": {"opens_at": 0, "refused_at": 0, "refusals": 0, "gap": 0}, '
    '"window": {"size": null, "opens_at": 0, "patience": 1}, "as_of": 0}',
    '{"creates": {"opens_at": 0, "refused_at": 0, "refusals": 0, "gap": 0}, '
    '"reads": {"opens_at": 0, "refused_at": 0, "refusals": 0, "gap": 0}, '
    '"window": {"size": "many", "opens_at": 0, "patience": 1}, "as_of": 0}',
    '{"creates": {"opens_at": NaN, "refused_at": 0, "refusals": 0, "gap": 0}, '
    '"reads": {"opens_at": 0, "refused_at": 0, "refusals": 0, "gap": 0}, '
    '"window": {"size": null, "opens_at": Infinity, "patience": 1}, "as_of": 0}',
]  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_limits_with_odd_values_are_none(box: Box, store: ReportCache, state: str) -> None:
    fetch_report("campaigns", box.day(2), client=box.client, cache=store)
    source = str(store.entries()["source"].iloc[0])
    with database(store) as connection, connection:
        key = [source, str(box.client.profile_id)]
        connection.execute("insert or replace into paces values (?, ?, ?)", [*key, state])
    assert len(fetch_report("campaigns", box.day(1), client=box.client, cache=store)) > 0


def test_a_full_disk_is_said_before_anything_is_requested(box: Box, store: ReportCache) -> None:
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    with (
        mock.patch("sdanalytics.store.sqlite_state._open_database", side_effect=full),
        pytest.raises(sda.CacheError, match=r"the disk is full.*Free disk space"),
    ):
        fetch_report("campaigns", box.day(1), client=box.client, cache=store)
    assert box.sandbox.count("request_report") == 0
    assert len(fetch_report("campaigns", box.day(1), client=box.client, cache=store)) > 0
    assert box.sandbox.count("request_report") == 2


def test_machines_of_one_name_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "localhost")
    ids = set()
    for boot in ("one", "two"):
        file = tmp_path / boot
        file.write_text(boot)
        monkeypatch.setattr(leases, "_BOOT_ID_FILE", file)
        leases.host_id.cache_clear()
        ids.add(leases.host_id())
    leases.host_id.cache_clear()
    assert len(ids) == 2
