"""Errors of the system as `CacheError`: what it refused, why, and what to do about it."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import TracebackType
from typing import Final

from sdanalytics.errors import CacheError
from sdanalytics.store.backends.base import storage_error

MAX_WINDOWS_PATH: Final = 259
"""Characters of the longest path that Windows takes, unless it is configured otherwise."""
_ADVICE: Final = {
    errno.ENOSPC: "Free disk space",
    errno.EDQUOT: "Free disk space",
    errno.EFBIG: "Allow larger files",
    errno.EMFILE: "Close other files",
}
_DEFAULT_ADVICE: Final = "Check the permissions and the disk"


class translate_errors:
    """Raise `CacheError` for what the system refuses; errors to pass through stay as they are.

    A class, because entering a generator takes as long as the system call does.
    """

    __slots__ = ("_action", "_passthrough", "_path")

    def __init__(self, action: str, path: str, passthrough: type[OSError] | tuple[()] = ()) -> None:
        self._action = action
        self._path = path
        self._passthrough = passthrough

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        is_expected = isinstance(error, self._passthrough)
        if isinstance(error, OSError) and not is_expected:
            raise to_cache_error(self._action, self._path, error) from error


def to_cache_error(action: str, path: str, error: OSError) -> CacheError:
    """Describe a failure: the action, the path, the reason, and what to do about it."""
    blocking_path = _blocking_path(path, error)
    if blocking_path is not None:
        reason = f"{blocking_path} is in the way"
        advice = "Move that aside (ReportCache.repair() does so within a cache)"
    elif _is_too_long(path, error):
        reason = f"the path is too long, it has {len(path)} characters"
        advice = (
            f"Keep the cache in a folder with a shorter path (Windows takes {MAX_WINDOWS_PATH})"
        )
    elif error.errno:
        reason = os.strerror(error.errno)
        advice = _ADVICE.get(error.errno, _DEFAULT_ADVICE)
    else:
        reason = str(error)
        advice = _DEFAULT_ADVICE
    return storage_error(action, path, reason, advice)


def _is_too_long(path: str, error: OSError) -> bool:
    """Return whether the system refuses a path for its length."""
    if error.errno == errno.ENAMETOOLONG:
        return True
    # Windows says that it does not exist. The name of an unfinished file is longer.
    unfinished = f"{path}.{'0' * 12}.tmp"
    return os.name == "nt" and len(unfinished) >= MAX_WINDOWS_PATH


def _blocking_path(path: str, error: OSError) -> str | None:
    """Name a folder or a pipe where a file belongs, or a file where a folder belongs."""
    if error.errno in (None, errno.EISDIR):  # Arrow's errors have no number
        return f"the folder {path}"
    if error.errno not in (errno.ENOTDIR, errno.EEXIST):
        return None
    failed_path = Path(error.filename or path)
    candidates = (failed_path, *failed_path.parents)
    for candidate in candidates:
        if os.path.isfile(candidate):
            return f"the file {candidate}"
        if candidate.exists() and not candidate.is_dir():
            return f"the pipe or device {candidate}"
    return None
