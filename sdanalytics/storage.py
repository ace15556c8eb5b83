"""Where a store is kept: what can be done there, and `Disk`, the folder that does it.

Places are names from the root of the store, their parts divided by ``/`` on every system.
`sdanalytics.objects` does the same on object storage.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple, Protocol

import pyarrow as pa

from sdanalytics.errors import CacheError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

ABANDONED: Final = 3600.0
"""Seconds after which nobody is writing any more what was not finished."""
ROOM: Final = 1 << 16
"""Bytes that a store has room for that takes reports."""
_FILES: Final = (".parquet", ".json")
"""How names of files end; a folder of such a name is in a file's place."""
_LEFTOVER: Final = re.compile(r"\..+\.[0-9a-f]{12}\.tmp")
"""What a writer that was killed leaves; its name is no report's and begins with a point, so
that whatever reads the store passes it over."""
_ADVICE: Final = {
    errno.ENOSPC: "Make room",
    errno.EDQUOT: "Make room",
    errno.EFBIG: "Allow larger files",
    errno.EMFILE: "Close other files",
}

# Between the look at what is there and its replacement nobody else replaces it.
_REPLACING: Final = threading.Lock()


class Stamp(NamedTuple):
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

    readers: int
    """How many files are best read at a time."""
    is_far: bool
    """Whether most of the time to look at a file is its way."""

    def __hash__(self) -> int:
        """Equal for stores in one place, as far as that can be told."""

    @property
    def url(self) -> str:
        """Where it is, for messages; no credentials."""

    @property
    def notes(self) -> Path:
        """The folder of this machine for the ledger."""

    @property
    def filesystem(self) -> FileSystem:
        """The file system of Arrow that has it."""

    @property
    def root(self) -> str:
        """Its place in that."""

    def name(self, place: str) -> str:
        """A place as users know it."""

    def open(self, place: str) -> pa.NativeFile:
        """A file, to read any part of it."""

    def read(self, place: str) -> bytes:
        """All of a file."""

    def replacing(
        self, place: str, unless: Callable[[], object] = ...
    ) -> AbstractContextManager[IO[bytes]]:
        """A file to write, which takes its place once it is whole and kept.

        `unless` is asked last: when it says so, what is there stays, as it does when anything
        fails.
        """

    def held(self, place: str) -> AbstractContextManager[object]:
        """While nobody else of this process replaces what is there."""

    def remove(self, place: str) -> None:
        """Delete a file, and the folders that have nothing left."""

    def move(self, place: str, to: str) -> None:
        """Give a file another place, that nothing has."""

    def found(self, *places: str) -> Iterator[Stamp]:
        """All files below these places; of each place in order.

        A folder in the place of a file counts as one, as does a file in that of a folder.
        """

    def stamps(self, folder: str, places: Iterable[str]) -> dict[str, Stamp]:
        """Those of these files, all of them below that folder, that there are."""

    def abandoned(self, *places: str) -> Iterator[str]:
        """What writers that were killed have left below these places."""

    def folders(self, place: str) -> list[str]:
        """The names of the folders in this one; none where there is none."""

    def is_link_to_nothing(self, place: str) -> bool:
        """Whether there is something that leads to nothing."""

    def check_writable(self) -> None:
        """Make sure that files can be stored."""


class Disk:
    """A store in a folder.

    Parameters
    ----------
    root : pathlib.Path
        Absolute; made when something is stored.
    """

    readers = 4
    is_far = False

    def __init__(self, root: Path) -> None:
        self.path = root
        self.root = str(root)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Disk) and self.root == other.root

    def __hash__(self) -> int:
        return hash(self.root)

    @property
    def url(self) -> str:
        """The path."""
        return self.root

    @property
    def notes(self) -> Path:
        """The folder itself."""
        return self.path

    @property
    def filesystem(self) -> FileSystem:
        """The local one."""
        from pyarrow.fs import LocalFileSystem

        return LocalFileSystem()

    def name(self, place: str) -> str:
        """The path of a place."""
        return os.path.join(self.root, place.replace("/", os.sep))

    def open(self, place: str) -> pa.NativeFile:
        """A file, opened.

        By Arrow, whose threads would need Python for a file of Python's, even while the
        interpreter ends.
        """
        path = self.name(place)
        try:
            return pa.OSFile(path)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _refused("read", path, error) from error

    def read(self, place: str) -> bytes:
        """All of a file."""
        path = self.name(place)
        try:
            with open(path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _refused("read", path, error) from error

    @contextlib.contextmanager
    def replacing(
        self, place: str, unless: Callable[[], object] = lambda: False
    ) -> Iterator[IO[bytes]]:
        """A file to write beside `place`, which takes its place once it is whole and on disk."""
        path = self.name(place)
        folder, name = os.path.split(path)
        beside = os.path.join(folder, f".{name}.{secrets.token_hex(6)}.tmp")
        try:
            os.makedirs(folder, exist_ok=True)
            try:
                with open(beside, "xb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                with self.held(place):
                    if not unless():
                        os.replace(beside, path)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(beside)
        except OSError as error:
            raise _refused("write", path, error) from error
        _sync_folder(folder)

    def held(self, place: str) -> AbstractContextManager[object]:
        """While nobody else of this process replaces anything."""
        return _REPLACING

    def remove(self, place: str) -> None:
        """Delete a file, and the folders that have nothing left, but for the store's own."""
        path = self.name(place)
        try:
            os.unlink(path)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _refused("remove", path, error) from error
        with contextlib.suppress(OSError):
            for _ in range(place.count("/") - 1):
                path = os.path.dirname(path)
                os.rmdir(path)

    def move(self, place: str, to: str) -> None:
        """Give a file, or a folder, another place."""
        path, aside = self.name(place), self.name(to)
        try:
            os.makedirs(os.path.dirname(aside), exist_ok=True)
            os.rename(path, aside)
        except OSError as error:
            raise _refused("move aside", path, error) from error

    def found(self, *places: str) -> Iterator[Stamp]:
        """All files below these places, in order, leftovers aside."""
        return self._files(places, leftovers=False)

    def stamps(self, folder: str, places: Iterable[str]) -> dict[str, Stamp]:
        """Those of these files that there are: each is looked at, which costs microseconds."""
        found: dict[str, Stamp] = {}
        for place in places if self._facts(folder) else ():
            facts = self._facts(place)
            if facts:
                found[place] = _stamp(place, facts)
        return found

    def abandoned(self, *places: str) -> Iterator[str]:
        """What writers that were killed more than an hour ago have left."""
        before = time.time_ns() - ABANDONED * 1e9
        left = self._files(places, leftovers=True)
        return (stamp.place for stamp in left if stamp.modified < before)

    def folders(self, place: str) -> list[str]:
        """The names of the folders in this one, in order."""
        return [entry.name for entry in self._listed(place) if self._is_folder(entry)]

    def is_link_to_nothing(self, place: str) -> bool:
        """Whether there is a link to nothing."""
        return os.path.islink(self.name(place))

    def check_writable(self) -> None:
        """Write as much as there has to be room for, and take it away."""
        with self.replacing("writable", unless=lambda: True) as file:
            file.write(bytes(ROOM))

    def _files(self, places: tuple[str, ...], leftovers: bool) -> Iterator[Stamp]:
        for place in places:
            path = self.name(place)
            if os.path.lexists(path) and not os.path.isdir(path):
                yield _stamp(place, os.lstat(path))
            else:
                yield from self._below(place, leftovers)

    def _below(self, folder: str, leftovers: bool) -> Iterator[Stamp]:
        for entry in self._listed(folder):
            place = f"{folder}/{entry.name}"
            if not self._is_file(place) and self._is_folder(entry):
                yield from self._below(place, leftovers)
            elif leftovers == bool(_LEFTOVER.fullmatch(entry.name)):
                with contextlib.suppress(FileNotFoundError):  # it has gone meanwhile
                    yield _stamp(place, self._stat(entry))

    @staticmethod
    def _is_file(place: str) -> bool:
        """Whether nothing but a file belongs there, by its name."""
        return place.endswith(_FILES) or (place.startswith("months/") and place.endswith(".month"))

    def _listed(self, folder: str) -> list[os.DirEntry[str]]:
        """What is in a folder, by name; nothing where there is none."""
        path = self.name(folder)
        try:
            with os.scandir(path) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _refused("list", path, error) from error

    def _facts(self, place: str) -> os.stat_result | None:
        """What the system says of a file or folder; None when there is none."""
        try:
            return os.stat(f"{self.root}/{place}")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _refused("read", self.name(place), error) from error

    @staticmethod
    def _is_folder(entry: os.DirEntry[str]) -> bool:
        try:
            return entry.is_dir()
        except OSError as error:
            raise _refused("list", entry.path, error) from error

    @staticmethod
    def _stat(entry: os.DirEntry[str]) -> os.stat_result:
        try:
            return entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _refused("list", entry.path, error) from error


def _stamp(place: str, facts: os.stat_result) -> Stamp:
    return Stamp(place, facts.st_size, facts.st_mtime_ns, facts.st_ino)


def _refused(action: str, path: str, error: OSError) -> CacheError:
    """What the system said when something was done to a path, and what to do about it."""
    told = os.strerror(error.errno) if error.errno else str(error)
    advice = _ADVICE.get(error.errno or 0, "See to its permissions and to the disk")
    obstacle = _obstacle(path, error)
    if obstacle:
        told = f"{obstacle} is in the way"
        advice = "Move that aside (ReportCache.repair() does so within a store)"
    return CacheError(
        f"cannot {action} {path}: {told}; what is there is untouched. {advice}, "
        "or choose another place with cache= or SDANALYTICS_CACHE_DIR"
    )


def _obstacle(path: str, error: OSError) -> str | None:
    """A folder where a file should be, or a file where a folder should be."""
    if error.errno in (None, errno.EISDIR):  # Arrow gives no number
        return f"the folder {path}"
    if error.errno not in (errno.ENOTDIR, errno.EEXIST):
        return None
    place = Path(error.filename or path)
    return next((f"the file {p}" for p in (place, *place.parents) if os.path.isfile(p)), None)


def _sync_folder(folder: str) -> None:
    """Make a rename survive a power cut, where the system and the file system can."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
