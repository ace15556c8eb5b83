"""The location of a store: from a path or a URL to its storage backend."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sdanalytics._core.suggest import has_lone_surrogate
from sdanalytics.errors import InvalidRequest
from sdanalytics.store.backends.base import Storage
from sdanalytics.store.backends.disk import LocalStorage
from sdanalytics.store.backends.object_store import ObjectStorage, is_url


def open_storage(path: str | os.PathLike[str] | None, filesystem: object) -> Storage:
    """Return the storage of a store; see `ReportCache` for the parameters.

    Raises
    ------
    InvalidRequest
        When the location is invalid.
    """
    if path is None:
        path = os.environ.get("SDANALYTICS_CACHE_DIR") or default_path()
    if not os.fspath(path):
        raise InvalidRequest("path must not be empty; pass None for the default location")
    location = os.fsdecode(path)
    if "\0" in location or has_lone_surrogate(location):
        raise InvalidRequest(f"path must be the path of a folder, got {path!r}")
    if _is_collapsed_url(location):
        raise InvalidRequest(f"{location!r} is a URL that was turned into a path: pass it as text")
    if filesystem is not None or is_url(location):
        return ObjectStorage(location, filesystem)
    try:
        folder = Path(location).expanduser()
    except RuntimeError:
        raise _no_home_error(location) from None
    return LocalStorage(folder.absolute())


def default_path() -> Path:
    """Return the folder of the store in the user's data folder.

    Raises
    ------
    InvalidRequest
        When nothing tells where the user's folders are.
    """
    import platformdirs

    try:
        return platformdirs.user_data_path("sdanalytics", appauthor=False)
    except RuntimeError:
        raise _no_home_error("~") from None


def _no_home_error(location: str) -> InvalidRequest:
    """Return the error for a home folder that nothing tells: no HOME, no entry of the user."""
    home = Path(location).parts[0]
    return InvalidRequest(
        f"there is no home folder {home!r} to keep the cache in: name a folder with cache= "
        "(ReportCache(path)) or SDANALYTICS_CACHE_DIR"
    )


def _is_collapsed_url(location: str) -> bool:
    """Return whether it was a URL once: a `Path` makes ``s3:/bucket`` of ``s3://bucket``."""
    return re.match(r"[a-z][a-z0-9+.]+:/(?!/)", location) is not None
