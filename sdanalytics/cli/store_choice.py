"""The store of a command, tried before any work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sdanalytics.errors import InvalidRequest

if TYPE_CHECKING:
    from sdanalytics import ReportCache


def open_store(location: str | None) -> ReportCache:
    """Open the store of ``--cache`` for reading.

    Raises
    ------
    InvalidRequest
        When the location is invalid, or a file is where its folder belongs. Object storage is not
        tried: that would need the network.
    """
    from sdanalytics import ReportCache

    cache = ReportCache(location)
    folder = _find_folder(cache)
    if folder is not None and not folder.is_dir():
        raise _store_error(cache, f"{folder} is a file")
    return cache


def open_writable_store(location: str | None) -> ReportCache:
    """Open the store of ``--cache`` like `open_store`, in a folder that can be written to."""
    cache = open_store(location)
    folder = _find_folder(cache)
    if folder is not None and not os.access(folder, os.W_OK | os.X_OK):
        raise _store_error(cache, f"{folder} is not yours to write to")
    return cache


def _find_folder(cache: ReportCache) -> Path | None:
    """Return the folder of a store, or the one to create it in; None on object storage."""
    from sdanalytics.store.backends.disk import LocalStorage

    if not isinstance(cache.storage, LocalStorage):
        return None
    folder = cache.path
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _store_error(cache: ReportCache, reason: str) -> InvalidRequest:
    return InvalidRequest(
        f"the store must be in a folder that can be written to, got {cache.path} ({reason}): name "
        "another one with --cache or SDANALYTICS_CACHE_DIR"
    )
