"""Many processes on one store; see `tests.resilience.stress`."""

from __future__ import annotations

import os

import pytest

from tests.resilience.stress import run

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals")


@pytest.mark.parametrize("storage", ["disk", "s3"])
def test_no_row_is_lost_doubled_or_mixed(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "")  # which the stress sets
    tally = run(storage, 6, 1, lambda line: None)
    assert tally.failures == [], str(tally)
    assert tally.operations.total() >= 8
