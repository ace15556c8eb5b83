"""What the package offers by name."""

from __future__ import annotations

from pathlib import Path

import pytest

import sdanalytics as sda
from sdanalytics import ReportCache
from sdanalytics.store.cache import TemporaryCache


def test_all_public_names_exist() -> None:
    for name in sda.__all__:
        assert getattr(sda, name) is not None
    hidden = {name for name in sda.__all__ if name not in dir(sda)}
    assert hidden == {
        name for name in vars(sda.errors) if name in sda.__all__
    }  # dir() leaves out the errors
    with pytest.raises(AttributeError, match="fetch_reports"):
        _ = getattr(sda, "fetch_reports")  # noqa: B009  # a type checker finds it, too


def test_type_hints_are_shipped() -> None:
    assert (Path(sda.__file__).parent / "py.typed").exists()


def test_tab_completion_shows_the_documented_methods_only(store: ReportCache) -> None:
    assert {name for name in dir(store) if not name.startswith("_")} == {
        "url", "path", "storage", "entries", "coverage", "pending", "read", "history", "sql",
        "remove", "verify", "repair", "compact",
    }  # fmt: skip
    for name in dir(TemporaryCache):
        assert name.startswith("_") or getattr(ReportCache, name).__doc__, name
