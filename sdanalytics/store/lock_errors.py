"""The kinds of errors of a state database, and what a file system can do for one."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sqlite3
import tempfile
from pathlib import Path
from typing import Final

_PRIMARY_CODE: Final = 0xFF
"""The bits of an error code of SQLite that tell the kind of error."""
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_LOCKED})
"""Another process holds the lock, or the file system has none: SQLite does not tell."""
_NO_LOCKS: Final = frozenset(
    {
        sqlite3.SQLITE_IOERR_BLOCKED,
        sqlite3.SQLITE_IOERR_CHECKRESERVEDLOCK,
        sqlite3.SQLITE_IOERR_LOCK,
        sqlite3.SQLITE_IOERR_RDLOCK,
        sqlite3.SQLITE_IOERR_SHMLOCK,
        sqlite3.SQLITE_IOERR_SHMMAP,
        sqlite3.SQLITE_IOERR_SHMOPEN,
        sqlite3.SQLITE_IOERR_SHMSIZE,
        sqlite3.SQLITE_IOERR_UNLOCK,
    }
)
"""Errors that a file system without locks, or without memory that processes share, gives."""
_DAMAGED: Final = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})

_MOUNTS: Final = Path("/proc/self/mountinfo")
_LOCAL_TYPES: Final = re.compile(
    r"ext[234]|xfs|btrfs|zfs|bcachefs|f2fs|tmpfs|ramfs|overlay|rootfs|jfs|reiserfs|nilfs2|ntfs3?|"
    r"vfat|exfat|hfsplus|apfs|squashfs|ecryptfs|aufs|fuseblk|fuse\.(ntfs|ntfs-3g|overlay|"
    r"fuse-overlayfs|ext2|ext4|bindfs|gocryptfs|encfs|cryfs)"
)
"""Types of file systems that one machine alone writes to."""


def is_busy(error: Exception) -> bool:
    """Return whether the lock was not to be had."""
    return _code(error) in _BUSY


def is_damaged(error: Exception) -> bool:
    """Return whether the file is no database, or a damaged one."""
    return _code(error) in _DAMAGED


def is_disk_full(error: Exception) -> bool:
    """Return whether there is no room."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return _code(error) == sqlite3.SQLITE_FULL


def is_unlockable(path: Path, error: Exception) -> bool:
    """Return whether an error says that files cannot be locked where a file is."""
    if is_busy(error):
        return not _can_lock(path.parent)
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) in _NO_LOCKS


def is_on_network(path: Path) -> bool:
    """Return whether other machines may write to a file: not for certain, but on Linux.

    A type of file system that is not known to be local counts as one of a network.
    """
    name = str(path)
    if name.startswith(("\\\\", "//")):
        return True
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return False
    return _LOCAL_TYPES.fullmatch(_find_type(mounts, os.path.realpath(path))) is None


def _find_type(mounts: str, path: str) -> str:
    """Return the type of the file system that a path is on."""
    found = "ext4"
    longest = 0
    for line in mounts.splitlines():
        mount, _, source = line.partition(" - ")
        point = _unescape(mount.split(" ")[4])
        is_inside = f"{path}/".startswith(point.rstrip("/") + "/")
        if is_inside and len(point) >= longest:  # of two on one point, the later one is on top
            longest = len(point)
            found = source.split(" ")[0]
    return found


def _unescape(name: str) -> str:
    """Return the path that the system writes with octal numbers for spaces."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), name)


def _code(error: Exception) -> int:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & _PRIMARY_CODE


def _can_lock(folder: Path) -> bool:
    """Return whether a new file can be locked, as SQLite locks files."""
    if os.name != "posix":
        return True
    import fcntl

    # A folder that nothing can be written to does not say that it has no locks.
    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=folder) as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True
