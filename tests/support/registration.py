"""Registered metrics for one test: the catalogue of the process is as before afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sdanalytics.model.metrics import CATALOGUE, V2_NAME_BY_V3_NAME


@contextmanager
def another_process() -> Iterator[None]:
    """Let the block see and add what a new process does: none of the registered metrics."""
    registered = [name for name, metric in CATALOGUE.items() if metric.is_registered]
    mappings: list[dict[str, Any]] = [CATALOGUE, V2_NAME_BY_V3_NAME]
    before = [mapping.copy() for mapping in mappings]
    for mapping, items in zip(mappings, before, strict=True):
        _replace(mapping, {key: item for key, item in items.items() if key not in registered})
    try:
        yield
    finally:
        for mapping, items in zip(mappings, before, strict=True):
            _replace(mapping, items)


def _replace(mapping: dict[str, Any], items: dict[str, Any]) -> None:
    mapping.clear()
    mapping.update(items)
