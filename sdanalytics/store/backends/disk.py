"""Where a store is kept: what can be done there, and `Disk`, the folder that does it.

Places are names from the root of the store, their parts divided by ``/`` on every system.
`sdanalytics.store.backends.object_store` does the same on object storage.
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
from typing import IO, TYPE_CHECKING, Final

import pyarrow as pa

from sdanalytics.errors import CacheError
from sdanalytics.store.backends.base import FileStamp

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

TEMP_FILE_MAX_AGE: Final = 3600.0
"""Seconds after which nobody is writing any more what was not finished."""
MIN_FREE_BYTES: Final = 1 << 16
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


class LocalStorage:
    """A store in a folder.

    Parameters
    ----------
    root : pathlib.Path
        Absolute; made when something is stored.
    """

    max_parallel_reads = 4
    is_remote = False

    def __init__(self, root: Path) -> None:
        self.path = root
        self.root = str(root)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LocalStorage) and self.root == other.root

    def __hash__(self) -> int:
        return hash(self.root)

    @property
    def url(self) -> str:
        """The path."""
        return self.root

    @property
    def state_dir(self) -> Path:
        """The folder itself."""
        return self.path

    @property
    def filesystem(self) -> FileSystem:
        """The local one."""
        from pyarrow.fs import LocalFileSystem

        return LocalFileSystem()

    def display_name(self, place: str) -> str:
        """The path of a place."""
        return os.path.join(self.root, place.replace("/", os.sep))

    def open(self, place: str) -> pa.NativeFile:
        """A file, opened.

        By Arrow, whose threads would need Python for a file of Python's, even while the
        interpreter ends.
        """
        path = self.display_name(place)
        try:
            return pa.OSFile(path)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _refused("read", path, error) from error

    def read(self, place: str) -> bytes:
        """All of a file."""
        path = self.display_name(place)
        try:
            with open(path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _refused("read", path, error) from error

    @contextlib.contextmanager
    def atomic_write(
        self, place: str, skip_if: Callable[[], object] = lambda: False
    ) -> Iterator[IO[bytes]]:
        """A file to write beside `place`, which takes its place once it is whole and on disk."""
        path = self.display_name(place)
        folder, name = os.path.split(path)
        beside = os.path.join(folder, f".{name}.{secrets.token_hex(6)}.tmp")
        try:
            os.makedirs(folder, exist_ok=True)
            try:
                with open(beside, "xb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                with self.locked(place):
                    if not skip_if():
                        os.replace(beside, path)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(beside)
        except OSError as error:
            raise _refused("write", path, error) from error
        _sync_folder(folder)

    def locked(self, place: str) -> AbstractContextManager[object]:
        """While nobody else of this process replaces anything."""
        return _REPLACING

    def remove(self, place: str) -> None:
        """Delete a file, and the folders that have nothing left, but for the store's own."""
        path = self.display_name(place)
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
        path, aside = self.display_name(place), self.display_name(to)
        try:
            os.makedirs(os.path.dirname(aside), exist_ok=True)
            os.rename(path, aside)
        except OSError as error:
            raise _refused("move aside", path, error) from error

    def walk(self, *places: str) -> Iterator[FileStamp]:
        """All files below these places, in order, leftovers aside."""
        return self._files(places, leftovers=False)

    def stat_many(self, folder: str, places: Iterable[str]) -> dict[str, FileStamp]:
        """Those of these files that there are: each is looked at, which costs microseconds."""
        found: dict[str, FileStamp] = {}
        for place in places if self._facts(folder) else ():
            facts = self._facts(place)
            if facts:
                found[place] = _stamp(place, facts)
        return found

    def stale_temp_files(self, *places: str) -> Iterator[str]:
        """What writers that were killed more than an hour ago have left."""
        before = time.time_ns() - TEMP_FILE_MAX_AGE * 1e9
        left = self._files(places, leftovers=True)
        return (stamp.place for stamp in left if stamp.modified < before)

    def list_folders(self, place: str) -> list[str]:
        """The names of the folders in this one, in order."""
        return [entry.name for entry in self._listed(place) if self._is_folder(entry)]

    def is_broken_link(self, place: str) -> bool:
        """Whether there is a link to nothing."""
        return os.path.islink(self.display_name(place))

    def check_writable(self) -> None:
        """Write as much as there has to be room for, and take it away."""
        with self.atomic_write("writable", skip_if=lambda: True) as file:
            file.write(bytes(MIN_FREE_BYTES))

    def _files(self, places: tuple[str, ...], leftovers: bool) -> Iterator[FileStamp]:
        for place in places:
            path = self.display_name(place)
            if os.path.lexists(path) and not os.path.isdir(path):
                yield _stamp(place, os.lstat(path))
            else:
                yield from self._below(place, leftovers)

    def _below(self, folder: str, leftovers: bool) -> Iterator[FileStamp]:
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
        path = self.display_name(folder)
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
            raise _refused("read", self.display_name(place), error) from error

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


def _stamp(place: str, facts: os.stat_result) -> FileStamp:
    return FileStamp(place, facts.st_size, facts.st_mtime_ns, facts.st_ino)


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
