"""Killed calls lose and damage nothing; see `tests.resilience.kills`."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, sandbox
from sdanalytics.model.partition import Partition
from sdanalytics.store.in_flight import InFlightRegistry
from sdanalytics.store.parquet_file import PartitionFiles
from tests.resilience.kills import run
from tests.support.processes import start_process


def die(*_: object) -> None:
    os._exit(9)


def fetch_and_die(day: str) -> None:
    """Die once the report is stored, before that is recorded."""
    with mock.patch.object(InFlightRegistry, "release", die):
        sda.fetch_report("campaigns", day, tactic="T00020")


def fetch_and_die_between(day: str) -> None:
    """Die once one tactic of the report is stored."""
    write = PartitionFiles.write

    def write_and_die(self: PartitionFiles, partition: Partition, *args: Any) -> None:
        write(self, partition, *args)
        if partition.tactic == "T00020":
            die()

    with mock.patch.object(PartitionFiles, "write", write_and_die):
        sda.fetch_report("campaigns", day)


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize(
    ("api", "kills"),
    [("v2", 8), ("v3", 5), ("v1", 5)],
)
def test_killed_calls_lose_nothing(api: str, kills: int) -> None:
    tally = run(api, kills, 1, lambda line: None)
    assert tally.failures == []
    assert tally.kills == kills
    assert tally.leftovers == 0


def test_stored_reports_are_not_pending(store: ReportCache) -> None:
    with sandbox.start(delay=0) as box:
        day = str(box.today - timedelta(days=1))
        own = box.environment | {"SDANALYTICS_CACHE_DIR": str(store.path)}
        process = start_process(fetch_and_die, day, environment=own)
        process.join()
        assert process.exitcode == 9
    assert len(store.entries()) == 1
    assert sda.pending(store).empty


def test_a_report_with_one_stored_tactic_is_resumed(store: ReportCache) -> None:
    with sandbox.start(delay=0) as box:
        day = str(box.today - timedelta(days=15))
        own = box.environment | {"SDANALYTICS_CACHE_DIR": str(store.path), "SDANALYTICS_API": "v3"}
        process = start_process(fetch_and_die_between, day, environment=own)
        process.join()
        assert process.exitcode == 9
        assert len(store.entries()) == 1
        client = box.client_for(box.profile_ids[0], api="v3")
        sda.fetch_report("campaigns", day, client=client, cache=store)
        assert len(store.entries()) == 2
        assert box.count("create_report") == 1
