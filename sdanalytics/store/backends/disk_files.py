"""Files and folders that survive a power cut, and the programs beside."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import IO, Final

_CREATE_ATTEMPTS: Final = 20


def create_file(path: str) -> IO[bytes]:
    """Create a file and its folders; these again, if `LocalStorage.remove` deletes them."""
    folder = os.path.dirname(path)
    for _ in range(_CREATE_ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):
            make_folders(folder)
            return open(path, "xb")
    make_folders(folder)
    return open(path, "xb")


def ensure_file(path: str) -> None:
    """Refuse a pipe, a socket or a device: to open one might never return."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise FileExistsError(errno.EEXIST, "no file", path)


def open_file(path: str) -> IO[bytes]:
    """Open a file to read it."""
    ensure_file(path)
    return open(path, "rb")


def make_folders(folder: str) -> None:
    """Create a folder and those above it, so that they survive a power cut."""
    missing: list[str] = []
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    if missing:
        os.makedirs(missing[0], exist_ok=True)
    for path in reversed(missing):
        sync_folder(os.path.dirname(path))


def put_back(path: str, original_path: str) -> None:
    """Move a file back; it stays where it is if a newer one has taken its place meanwhile."""
    try:
        os.link(path, original_path, follow_symlinks=False)
    except FileExistsError:
        return
    except OSError:  # a folder, or a file system without hard links
        if not os.path.lexists(original_path):
            os.rename(path, original_path)
        return
    os.unlink(path)


def sync_folder(folder: str) -> None:
    """Make a rename survive a power cut, where the system and the file system can."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
