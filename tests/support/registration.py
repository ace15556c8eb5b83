"""Registered metrics for one test: the catalogue of the process is as before afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sdanalytics.model.metrics import CATALOGUE, V2_NAME_BY_V3_NAME


@contextmanager
def another_process() -> Iterator[None]:
    """Let the block see and add what a new process does: none of the registered metrics."""
    names = [name for name, metric in CATALOGUE.items() if metric.is_registered]
    with pytest.MonkeyPatch.context() as patch:
        for mapping in (CATALOGUE, V2_NAME_BY_V3_NAME):
            known = {key: value for key, value in mapping.items() if key not in names}
            patch.setattr(mapping, "_items", known)
        yield
