"""Files that are written whole or not at all, at paths that are tried before any work."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from sdanalytics.errors import InvalidRequest

PathLike: TypeAlias = str | os.PathLike[str]


@contextlib.contextmanager
def open_output(path: PathLike, suffix: str) -> Iterator[str]:
    """Yield the path of a temporary file beside the one to write, which then replaces it.

    When the block fails nothing is left but what was there before.

    Parameters
    ----------
    path : str or path
        The file to write; one that is there is replaced.
    suffix : str
        The end that its name must have, such as ``".xlsx"``.

    Raises
    ------
    InvalidRequest
        When the file cannot be written: said before the block is entered.
    """
    target = _parse_path(path, suffix)
    temporary = _create_beside(target)
    try:
        yield temporary
        with open(temporary, "r+b") as file:
            os.fsync(file.fileno())
        if os.path.exists(target):
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def ensure_can_write(path: PathLike, suffix: str) -> None:
    """Raise `InvalidRequest` when a file cannot be written, as `open_output` does."""
    target = _parse_path(path, suffix)
    os.unlink(_create_beside(target))


def _parse_path(path: object, suffix: str) -> str:
    """Return the file that a path leads to; a link stays one."""
    if not isinstance(path, str | os.PathLike) or not str(path):
        raise InvalidRequest(f"path must be that of a file to write, got {path!r}")
    name = Path(path)
    if name.suffix.lower() != suffix:
        raise InvalidRequest(
            f"path must end in {suffix}, or programs will not know the file, got {str(path)!r}"
        )
    try:
        return os.path.realpath(name)
    except ValueError as error:  # of characters that no name can have
        raise InvalidRequest(
            f"path must be that of a file that can be written, got {str(path)!r}: {error}"
        ) from error


def _create_beside(target: str) -> str:
    """Create an empty temporary file in the folder of a file that can be written."""
    folder = os.path.dirname(target)
    name = f".{uuid.uuid4().hex}.tmp"
    temporary = os.path.join(folder, name)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.stat(target)  # refused for a name that is too long
        if os.path.exists(target):
            with open(target, "r+b"):  # refused for a folder, a read-only file, one open in Excel
                pass
        with open(temporary, "xb"):
            return temporary
    except (OSError, ValueError) as error:
        reason = _word_reason(error, folder)
        raise InvalidRequest(
            f"path must be that of a file that can be written, got {target!r}: {reason}"
        ) from error


def _word_reason(error: Exception, folder: str) -> str:
    if not os.path.isdir(folder):
        return f"there is no folder {folder!r}, create it first"
    if isinstance(error, PermissionError):
        return "permission denied; close the file if another program has it open"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error)
