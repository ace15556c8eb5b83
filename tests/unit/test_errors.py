"""The errors of the package."""

from __future__ import annotations

import pickle

import sdanalytics as sda


def test_errors_can_be_pickled() -> None:
    error = sda.RateLimited("slow down", operation="profiles", status=429, request_id="R")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.status, again.request_id) == ("slow down", 429, "R")
