"""What a store asks of the place where it is kept: the contract of every backend.

Places are names from the root of the store, their parts divided by ``/`` on every system.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, Protocol

import pyarrow as pa

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem


class FileStamp(NamedTuple):
    """A file as a listing has it: another one in its place has another stamp.

    Attributes
    ----------
    place : str
    size : int
        In bytes.
    modified : int
        In nanoseconds since 1970; of object storage often whole seconds, or 0: not known.
    inode : int
        0 on object storage.
    """

    place: str
    size: int
    modified: int
    inode: int = 0


class Storage(Protocol):
    """What a store asks of where it is kept.

    Whatever cannot be done is a `CacheError` that says why and what to do; what is not there
    is a `FileNotFoundError`.
    """

    max_parallel_reads: int
    """How many files are best read at a time."""
    is_remote: bool
    """Whether most of the time to look at a file is its way."""

    def __hash__(self) -> int:
        """Equal for stores in one place, as far as that can be told."""

    @property
    def url(self) -> str:
        """Where it is, for messages; no credentials."""

    @property
    def state_dir(self) -> Path:
        """The folder of this machine for the ledger."""

    @property
    def filesystem(self) -> FileSystem:
        """The file system of Arrow that has it."""

    @property
    def root(self) -> str:
        """Its place in that."""

    def display_name(self, place: str) -> str:
        """A place as users know it."""

    def open(self, place: str) -> pa.NativeFile:
        """A file, to read any part of it."""

    def read(self, place: str) -> bytes:
        """All of a file."""

    def atomic_write(
        self, place: str, skip_if: Callable[[], object] = ...
    ) -> AbstractContextManager[IO[bytes]]:
        """A file to write, which takes its place once it is whole and kept.

        `unless` is asked last: when it says so, what is there stays, as it does when anything
        fails.
        """

    def locked(self, place: str) -> AbstractContextManager[object]:
        """While nobody else of this process replaces what is there."""

    def remove(self, place: str) -> None:
        """Delete a file, and the folders that have nothing left."""

    def move(self, place: str, to: str) -> None:
        """Give a file another place, that nothing has."""

    def walk(self, *places: str) -> Iterator[FileStamp]:
        """All files below these places; of each place in order.

        A folder in the place of a file counts as one, as does a file in that of a folder.
        """

    def stat_many(self, folder: str, places: Iterable[str]) -> dict[str, FileStamp]:
        """Those of these files, all of them below that folder, that there are."""

    def stale_temp_files(self, *places: str) -> Iterator[str]:
        """What writers that were killed have left below these places."""

    def list_folders(self, place: str) -> list[str]:
        """The names of the folders in this one; none where there is none."""

    def is_broken_link(self, place: str) -> bool:
        """Whether there is something that leads to nothing."""

    def check_writable(self) -> None:
        """Make sure that files can be stored."""
