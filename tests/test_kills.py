"""A call that is killed loses nothing and damages nothing; see `tests.kills`."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, sandbox
from tests.kills import run

KILLED = """
import os, sys
import sdanalytics as sda
from sdanalytics.ledger import Ledger

Ledger.settle = lambda self, pieces: os._exit(9)
sda.fetch_report("campaigns", sys.argv[1], tactic="T00020", progress=False)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_killed_calls_lose_nothing() -> None:
    tally = run(8, 1, lambda line: None)
    assert tally.failures == []
    assert tally.kills >= 8
    assert tally.extras <= tally.kills
    assert tally.leftovers == 0


def test_what_is_stored_is_not_pending(store: ReportCache) -> None:
    with sandbox.start(delay=0) as box:
        day = str(box.today - timedelta(days=1))
        own = box.environment | {"SDANALYTICS_CACHE_DIR": str(store.path)}
        command = [sys.executable, "-c", KILLED, day]
        assert subprocess.run(command, env=os.environ | own).returncode == 9
    assert len(store.entries()) == 1
    assert sda.pending(store).empty
