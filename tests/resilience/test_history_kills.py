"""Processes that are killed while they replace a day: no version of it is lost or counts twice."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from sdanalytics import ReportCache
from tests.support.processes import start_process
from tests.support.samples import NOW
from tests.support.versions import DAY, list_versions, store_version

CHANGES: Final = {"open", "os.mkdir", "os.rename", "os.remove", "os.link"}
"""Python's audit events of operations that change files; "open" only to write."""
LAST: Final = 99
"""A number larger than that of the changes that any report makes."""

# The rows of a day by tactic, report by report: the last one is killed.
REPORTS: Final[dict[str, list[dict[str, dict[int, int]]]]] = {
    "the first version": [{"T00020": {1: 10, 2: 20}}, {"T00020": {1: 11}}],
    "another version": [
        {"T00020": {1: 10}},
        {"T00020": {1: 11, 2: 20}},
        {"T00020": {2: 21}},
    ],
    "rows of unknown tactic become known": [
        {"T00020": {1: 10}, "T00030": {}, "unknown": {2: 20, 3: 30}},
        {"T00020": {1: 11, 2: 21}, "T00030": {}, "unknown": {3: 31}},
    ],
}


def die_before_change(number: int, root: str) -> None:
    """End this process before it changes files of a store for the n-th time."""
    count = 0

    def watch(event: str, args: tuple[Any, ...]) -> None:
        nonlocal count
        if event not in CHANGES or root not in str(args[0]):
            return
        if event == "open" and not args[2] & (os.O_WRONLY | os.O_RDWR):
            return
        count += 1
        if count == number:
            os._exit(9)

    sys.addaudithook(watch)


def store_and_die(path: Path, reports: list[dict[str, dict[int, int]]], number: int) -> None:
    """Store the last report, and die before the n-th change."""
    hour = len(reports) - 1
    die_before_change(number, str(path))
    store_version(ReportCache(path), reports[hour], hour)


def read_as_of(store: ReportCache, hour: int) -> list[tuple[Any, ...]]:
    """Return the rows that were known some hours after the first report."""
    moment = NOW + timedelta(hours=hour)
    frame = store.read("campaigns", DAY.date, metrics=["clicks"], as_of=moment)
    return list(frame[["tactic", "campaignId", "clicks"]].itertuples(index=False, name=None))


@pytest.mark.parametrize("reports", REPORTS.values(), ids=REPORTS)
def test_a_kill_at_any_change_neither_loses_nor_doubles_a_version(
    store: ReportCache, reports: list[dict[str, dict[int, int]]]
) -> None:
    last = len(reports) - 1
    for hour, rows in enumerate(reports[:last]):
        store_version(store, rows, hour)
    before = list_versions(store)
    known = {hour: read_as_of(store, hour) for hour in range(last)}
    undisturbed = ReportCache(shutil.copytree(store.path, store.path.parent / "undisturbed"))
    store_version(undisturbed, reports[last], last)
    after = list_versions(undisturbed)
    states = set()
    for number in range(1, LAST):
        copy = ReportCache(shutil.copytree(store.path, store.path.parent / f"killed {number}"))
        process = start_process(store_and_die, copy.path, reports, number, environment={})
        process.join()
        left = list_versions(copy)
        assert set(before) <= set(left)
        assert len({(hour, campaign) for hour, _, campaign, _ in left}) == len(left)
        assert {hour: read_as_of(copy, hour) for hour in known} == known
        store_version(copy, reports[last], last)
        assert list_versions(copy) == after
        assert copy.verify().empty
        states.add(tuple(left))
        if process.exitcode == 0:
            break
        assert process.exitcode == 9
    assert process.exitcode == 0
    assert {tuple(before), tuple(after)} <= states
