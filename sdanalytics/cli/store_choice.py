"""The store of a command, tried before any work."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sdanalytics.errors import InvalidRequest

if TYPE_CHECKING:
    from sdanalytics import ReportCache


def ensure_writable_store(cache: ReportCache) -> None:
    """Raise `InvalidRequest` when a store is in a folder that cannot be written to.

    Object storage is not tried: that would need the network.
    """
    from sdanalytics.store.backends.disk import LocalStorage

    if not isinstance(cache.storage, LocalStorage):
        return
    folder = cache.path
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        reason = f"{folder} is a file"
    elif not os.access(folder, os.W_OK | os.X_OK):
        reason = f"{folder} is not yours to write to"
    else:
        return
    raise InvalidRequest(
        f"the store must be in a folder that can be written to, got {cache.path} ({reason}): name "
        "another one with --cache or SDANALYTICS_CACHE_DIR"
    )
