"""Killed calls lose and damage nothing; see `tests.resilience.kills`."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, sandbox
from tests.resilience.kills import run

KILLED = """
import os, sys
import sdanalytics as sda
from sdanalytics.store.in_flight import InFlightRegistry

InFlightRegistry.release = lambda self, partitions: os._exit(9)
sda.fetch_report("campaigns", sys.argv[1], tactic="T00020", progress=False)
"""


KILLED_BETWEEN = """
import os, sys
import sdanalytics as sda
from sdanalytics.store.partitions import PartitionStore

store = PartitionStore.store


def store_and_die(self, partition, *args, **kwargs):
    store(self, partition, *args, **kwargs)
    if partition.tactic == "T00020":
        os._exit(9)


PartitionStore.store = store_and_die
sda.fetch_report("campaigns", sys.argv[1], progress=False)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize(
    ("api", "kills"),
    [("v2", 8), ("v3", 5)],
)
def test_killed_calls_lose_nothing(api: str, kills: int) -> None:
    tally = run(api, kills, 1, lambda line: None)
    assert tally.failures == []
    assert tally.kills >= kills
    assert tally.extras <= tally.kills
    assert tally.leftovers == 0


def test_stored_reports_are_not_pending(store: ReportCache) -> None:
    with sandbox.start(delay=0) as box:
        day = str(box.today - timedelta(days=1))
        own = box.environment | {"SDANALYTICS_CACHE_DIR": str(store.path)}
        command = [sys.executable, "-c", KILLED, day]
        assert subprocess.run(command, env=os.environ | own).returncode == 9
    assert len(store.entries()) == 1
    assert sda.pending(store).empty


def test_a_report_with_one_stored_tactic_is_resumed(store: ReportCache) -> None:
    with sandbox.start(delay=0) as box:
        day = str(box.today - timedelta(days=15))
        own = box.environment | {"SDANALYTICS_CACHE_DIR": str(store.path), "SDANALYTICS_API": "v3"}
        command = [sys.executable, "-c", KILLED_BETWEEN, day]
        assert subprocess.run(command, env=os.environ | own).returncode == 9
        assert len(store.entries()) == 1
        client = box.client_for(box.profile_ids[0], api="v3")
        sda.fetch_report("campaigns", day, client=client, cache=store)
        assert len(store.entries()) == 2
        assert box.count("create_report") == 1
