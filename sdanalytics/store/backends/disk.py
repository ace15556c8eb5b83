"""`LocalStorage`: a store in a folder of this machine."""

from __future__ import annotations

import contextlib
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

from sdanalytics._core.clock import Clock
from sdanalytics.store.backends.base import FileStamp
from sdanalytics.store.backends.disk_errors import to_cache_error, translate_errors
from sdanalytics.store.backends.disk_files import (
    create_file,
    ensure_file,
    make_folders,
    open_file,
    put_back,
    sync_folder,
)

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

TEMP_FILE_MAX_AGE: Final = 3600.0
"""Seconds after which an unfinished file is taken for that of a killed writer."""
REFUSAL_PATIENCE: Final = 1.0
"""Seconds for which a change of a file is tried again when it is refused."""
REFUSAL_INTERVAL: Final = 0.05
MIN_FREE_BYTES: Final = 1 << 19
"""Bytes that must be free before reports are requested: for a report, and the registry."""
_FILE_SUFFIXES: Final = (".parquet", ".history", ".json")
"""Suffixes of files; a folder with such a name blocks a file."""
_TEMP_FILE: Final = re.compile(r"\..+\.[0-9a-f]{12}\.tmp")
"""Names of unfinished files. They begin with a dot and have another suffix than reports, so that
every reader of the store skips unfinished files of killed writers."""

# Nobody else may replace a file between the decision to replace it and the replacement.
_replace_lock: Final = threading.Lock()


class LocalStorage:
    """A store in a folder.

    Parameters
    ----------
    root : pathlib.Path
        Absolute; created when the first file is stored.
    clock : Clock, optional
        Times the attempts to rename a file.
    """

    max_parallel_reads = 4
    is_remote = False

    def __init__(self, root: Path, clock: Clock | None = None) -> None:
        self.path = root
        self.root = str(root)
        self._clock = clock or Clock()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LocalStorage) and self.root == other.root

    def __hash__(self) -> int:
        return hash(self.root)

    @property
    def url(self) -> str:
        """The path of the folder."""
        return self.root

    @property
    def state_dir(self) -> Path:
        """The folder itself."""
        return self.path

    @property
    def filesystem(self) -> FileSystem:
        """Arrow's local file system."""
        from pyarrow.fs import LocalFileSystem

        return LocalFileSystem()

    def display_name(self, key: str) -> str:
        """Return the absolute path of a key."""
        relative = key.replace("/", os.sep)
        return os.path.join(self.root, relative)

    def open(self, key: str) -> pa.NativeFile:
        """Open a file with Arrow.

        A Python file is not suitable: Arrow's threads would need the interpreter to read it, even
        while the interpreter shuts down.
        """
        path = self.display_name(key)
        with translate_errors("read", path, passthrough=FileNotFoundError):
            ensure_file(path)
            return pa.OSFile(path)

    def read(self, key: str) -> bytes:
        """Read a whole file."""
        path = self.display_name(key)
        with (
            translate_errors("read", path, passthrough=FileNotFoundError),
            open_file(path) as file,
        ):
            return file.read()

    @contextlib.contextmanager
    def atomic_write(
        self, key: str, skip_if: Callable[[], object] = lambda: False
    ) -> Iterator[IO[bytes]]:
        """Open a temporary file in the same folder; flush it to disk, then rename it."""
        path = self.display_name(key)
        folder, name = os.path.split(path)
        unique = secrets.token_hex(6)
        temp_name = f".{name}.{unique}.tmp"
        temp_path = os.path.join(folder, temp_name)
        with translate_errors("write", path):
            try:
                with create_file(temp_path) as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                with self.locked(key):
                    if not skip_if():
                        self._insist(os.replace, temp_path, path)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temp_path)
        sync_folder(folder)

    def locked(self, key: str) -> AbstractContextManager[object]:
        """Prevent other threads of this process from replacing any file."""
        return _replace_lock

    def remove(self, key: str) -> None:
        """Delete a file, and its folders that are then empty, except the top-level one."""
        path = self.display_name(key)
        with translate_errors("remove", path, passthrough=FileNotFoundError):
            self._insist(os.unlink, path)
        folders_below_top = key.count("/") - 1
        with contextlib.suppress(OSError):  # a folder that is not empty
            for _ in range(folders_below_top):
                path = os.path.dirname(path)
                os.rmdir(path)

    def move(self, stamp: FileStamp, new_key: str) -> bool:
        """Move a file or a folder, look at what was moved, and put back what is another file."""
        path = self.display_name(stamp.key)
        new_path = self.display_name(new_key)
        with translate_errors("move aside", path):
            make_folders(os.path.dirname(new_path))
            try:
                self._insist(os.rename, path, new_path)
            except FileNotFoundError:  # removed meanwhile
                return False
            moved = _to_stamp(stamp.key, os.lstat(new_path))
            if moved != stamp:
                put_back(new_path, path)
                return False
        return True

    def walk(self, *keys: str) -> Iterator[FileStamp]:
        """Yield all files below these keys, sorted within each, without unfinished ones."""
        for key in keys:
            yield from self._walk(key, temp_files=False)

    def stat_many(self, folder: str, keys: Iterable[str]) -> dict[str, FileStamp]:
        """Return the stamps of the files that exist, with one system call a file."""
        found: dict[str, FileStamp] = {}
        if self._stat_or_none(folder) is None:
            return found
        for key in keys:
            status = self._stat_or_none(key)
            if status is not None:
                found[key] = _to_stamp(key, status)
        return found

    def stale_temp_files(self, *keys: str) -> Iterator[str]:
        """Yield the keys of unfinished files that are older than `TEMP_FILE_MAX_AGE`."""
        max_age_ns = TEMP_FILE_MAX_AGE * 1e9
        newest_stale = time.time_ns() - max_age_ns
        for stamp in self._unfinished(keys):
            if stamp.modified < newest_stale:
                yield stamp.key

    def list_folders(self, key: str) -> list[str]:
        """Return the sorted names of the folders in a folder, which need not exist."""
        names: list[str] = []
        for entry in self._list_dir(key):
            if _is_folder(entry):
                names.append(entry.name)
        return names

    def is_broken_link(self, key: str) -> bool:
        """Return whether the key is a link, given that its file does not exist."""
        return os.path.islink(self.display_name(key))

    def is_link_to_folder(self, key: str) -> bool:
        """Return whether the key is a link, and what it leads to is a folder."""
        path = self.display_name(key)
        return os.path.islink(path) and os.path.isdir(path)

    def check_writable(self) -> None:
        """Write as many bytes as must be free, then delete them."""
        with self.atomic_write("writable", skip_if=lambda: True) as file:
            file.write(bytes(MIN_FREE_BYTES))

    def _insist(self, operation: Callable[..., None], *paths: str) -> None:
        """Change a file, again for a moment if that is refused.

        Windows refuses it while another program has the file open: an indexer, a virus scanner.
        """
        end = self._clock.monotonic() + REFUSAL_PATIENCE
        while True:
            try:
                return operation(*paths)
            except PermissionError:
                if self._clock.monotonic() >= end:
                    raise
            self._clock.wait(threading.Event(), REFUSAL_INTERVAL)

    def _unfinished(self, keys: Iterable[str]) -> Iterator[FileStamp]:
        """Yield the unfinished files directly in the root, and anywhere below these keys."""
        for entry in self._list_dir(""):
            if _TEMP_FILE.fullmatch(entry.name):
                yield from _stamp_if_present(entry.name, entry)
        for key in keys:
            yield from self._walk(key, temp_files=True)

    def _walk(self, key: str, *, temp_files: bool) -> Iterator[FileStamp]:
        path = self.display_name(key)
        is_folder = os.path.isdir(path)
        if os.path.lexists(path) and not is_folder:
            yield _to_stamp(key, os.lstat(path))
        else:
            yield from self._walk_folder(key, temp_files=temp_files)

    def _walk_folder(self, folder: str, *, temp_files: bool) -> Iterator[FileStamp]:
        """Yield either the finished or the unfinished files below a folder."""
        for entry in self._list_dir(folder):
            key = f"{folder}/{entry.name}"
            if not _must_be_file(key) and _is_folder(entry):
                yield from self._walk_folder(key, temp_files=temp_files)
                continue
            is_temp_file = _TEMP_FILE.fullmatch(entry.name) is not None
            if is_temp_file != temp_files:
                continue
            yield from _stamp_if_present(key, entry)

    def _list_dir(self, folder: str) -> list[os.DirEntry[str]]:
        """Return the sorted content of a folder, which need not exist."""
        path = self.display_name(folder)
        with (
            contextlib.suppress(FileNotFoundError),
            translate_errors("list", path, passthrough=FileNotFoundError),
            os.scandir(path) as entries,
        ):
            return sorted(entries, key=lambda entry: entry.name)
        return []

    def _stat_or_none(self, key: str) -> os.stat_result | None:
        # By hand, since it is called for every file of a read: a context manager, and a path for
        # its message, would take as long as the system call.
        try:
            return os.stat(f"{self.root}/{key}")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise to_cache_error("read", self.display_name(key), error) from error


def _must_be_file(key: str) -> bool:
    """Return whether only a file may have that key, by its name."""
    if key.startswith("months/") and key.endswith(".month"):
        return True
    return key.endswith(_FILE_SUFFIXES)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether this is a folder; a link to one is not: it may lead out of the store."""
    with translate_errors("list", entry.path):
        return entry.is_dir(follow_symlinks=False)


def _stamp_if_present(key: str, entry: os.DirEntry[str]) -> Iterator[FileStamp]:
    """Yield the stamp of a file, unless it was deleted since it was listed."""
    with (
        contextlib.suppress(FileNotFoundError),
        translate_errors("list", entry.path, passthrough=FileNotFoundError),
    ):
        yield _to_stamp(key, entry.stat(follow_symlinks=False))


def _to_stamp(key: str, status: os.stat_result) -> FileStamp:
    return FileStamp(key, status.st_size, status.st_mtime_ns, status.st_ino)
