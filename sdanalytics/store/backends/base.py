"""The contract of every storage backend.

A key names a file or folder of the store: its path from the root, with parts divided by ``/`` on
every system.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, Protocol

import pyarrow as pa

from sdanalytics.errors import CacheError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem


class FileStamp(NamedTuple):
    """A file as a listing shows it; a file that replaces it has another stamp.

    Attributes
    ----------
    key : str
    size : int
        In bytes.
    modified : int
        In nanoseconds since 1970; on object storage often whole seconds, or 0 when unknown.
    inode : int
        0 on object storage.
    """

    key: str
    size: int
    modified: int
    inode: int = 0


class Storage(Protocol):
    """A backend: the operations that a store needs.

    Methods raise `CacheError`, with the reason and what to do, for any failure, and
    `FileNotFoundError` for a file that does not exist.
    """

    max_parallel_reads: int
    """Number of files to read at the same time."""
    is_remote: bool
    """Whether access to a file takes a network round trip."""

    def __hash__(self) -> int:
        """Return the same hash for stores that are known to be in the same location."""

    @property
    def url(self) -> str:
        """The location as messages show it, without credentials."""

    @property
    def state_dir(self) -> Path:
        """The local folder of the in-flight registry."""

    @property
    def filesystem(self) -> FileSystem:
        """The Arrow file system that holds the store."""

    @property
    def root(self) -> str:
        """The path of the store in `filesystem`."""

    def display_name(self, key: str) -> str:
        """Return a key as users know it: a path or URL."""

    def open(self, key: str) -> pa.NativeFile:
        """Open a file, to read any part of it."""

    def read(self, key: str) -> bytes:
        """Read a whole file."""

    def atomic_write(
        self, key: str, skip_if: Callable[[], object] = ...
    ) -> AbstractContextManager[IO[bytes]]:
        """Open a file to write, which replaces that of the key once it is complete and durable.

        `skip_if` is called last: when it returns true the existing file stays, as it does when
        anything fails.
        """

    def locked(self, key: str) -> AbstractContextManager[object]:
        """Prevent other threads of this process from replacing the file."""

    def remove(self, key: str) -> None:
        """Delete a file, and the folders that are then empty."""

    def move(self, stamp: FileStamp, new_key: str) -> bool:
        """Move a file, or a folder in its place, to a key that is not in use.

        Returns False when another file has replaced it since the stamp was read: that one stays.
        """

    def walk(self, *keys: str) -> Iterator[FileStamp]:
        """Yield all files below these keys, sorted within each of them.

        A folder with the name of a file counts as a file, as does a file in the place of a folder.
        So does a link to a folder: no link leads out of the store, or around in it.
        """

    def stat_many(self, folder: str, keys: Iterable[str]) -> dict[str, FileStamp]:
        """Return the stamps of the files that exist; all keys are below `folder`."""

    def stale_temp_files(self, *keys: str) -> Iterator[str]:
        """Yield the keys of unfinished files that killed writers left below these keys.

        Those that are directly in the root are among them.
        """

    def list_folders(self, key: str) -> list[str]:
        """Return the names of the folders in a folder, which need not exist."""

    def is_broken_link(self, key: str) -> bool:
        """Return whether the key is a link to a file that does not exist."""

    def is_link_to_folder(self, key: str) -> bool:
        """Return whether the key is a link to a folder."""

    def check_writable(self) -> None:
        """Make sure that files can be stored."""


def read_stamp(storage: Storage, key: str) -> FileStamp | None:
    """Return the stamp of a file; None if there is none."""
    folder, _, _ = key.rpartition("/")
    stamps = storage.stat_many(folder, [key])
    return stamps.get(key)


def storage_error(action: str, name: str, reason: str, advice: str) -> CacheError:
    """Build the error for a file that a backend cannot read or write."""
    return CacheError(
        f"cannot {action} {readable_name(name)}: {readable_name(reason)}; existing files are "
        f"untouched. {advice}, or choose another location with cache= or SDANALYTICS_CACHE_DIR"
    )


def readable_name(text: str) -> str:
    """Return a text with numbers for what is no text in file names: it can be encoded."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
