"""Temporary folders that do not outlast their process, whichever way it ends.

A process that is killed, or ended by a signal that it does not handle (SIGTERM), leaves its folders
behind, with data in them. To handle the signal would take it away from the user's program. So each
folder has a file that its process keeps locked: the system releases the lock when the process
ends. Whoever makes a temporary folder next removes those that nobody has locked.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import IO, Final

PREFIX: Final = "sdanalytics-"
"""The beginning of the name of each temporary folder."""
_MARK: Final = ".in-use"
_NEW_MARK: Final = ".in-use.new"


def mark_in_use(folder: str) -> IO[bytes]:
    """Return a file that marks a folder as in use until it is closed, or its process ends."""
    mark = open(os.path.join(folder, _NEW_MARK), "xb")  # noqa: SIM115  # stays open
    _lock(mark)
    if os.name == "posix":  # Windows does not rename open files
        # Under its final name only now: nobody finds it without its lock.
        os.rename(mark.name, os.path.join(folder, _MARK))
    return mark


def remove_abandoned_folders() -> None:
    """Remove the temporary folders of this user's processes that have ended.

    Not on Windows, where nothing can be locked in this way.
    """
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            if _is_own_folder(path) and _is_abandoned(path):
                shutil.rmtree(path, ignore_errors=True)


def _is_own_folder(path: Path) -> bool:
    with contextlib.suppress(OSError):
        status = path.lstat()
        return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    return False


def _is_abandoned(folder: Path) -> bool:
    """Return whether a folder has a mark that no process holds; without one, nobody knows."""
    try:
        with (folder / _MARK).open("rb") as mark:
            return _lock(mark)
    except OSError:
        return False


def _lock(file: IO[bytes]) -> bool:
    """Lock a file, until it is closed; return whether that was possible."""
    if os.name != "posix":
        return False
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
