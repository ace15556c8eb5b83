"""`ObjectStorage`: a store on object storage, such as S3, through a file system of Arrow or fsspec.

Unlike a file on disk, an object is written whole or not at all, and read whole in one response:
there is nothing to rename, and nothing unfinished. But checking and replacing one is not atomic.
When two machines store the same partition at the same moment, the later one wins, and columns that
only the earlier one had are requested again.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import textwrap
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple

import pyarrow as pa

from sdanalytics._core.redact import redact
from sdanalytics.errors import CacheError
from sdanalytics.store.backends.base import FileStamp, storage_error
from sdanalytics.store.backends.object_url import (
    URL_SCHEME,
    add_environment_endpoint,
    as_arrow_filesystem,
    filesystem_from_url,
    filesystem_scheme,
    forget_listings,
    normalize_path,
    parse_url,
    query_options,
    reject_local,
)
from sdanalytics.store.machine_state import machine_state_dir

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem


class _ErrorPattern(NamedTuple):
    """A failure that is recognized by its text, in the wording of any file system."""

    pattern: str
    reason: str
    advice: str


MAX_DETAILS: Final = 300
"""Characters of a file system's text that an error quotes."""
_GOOGLE_PLACES: Final = "GOOGLE_APPLICATION_CREDENTIALS, gcloud auth application-default login"
_AZURE_PLACES: Final = "AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, az login, a managed identity"
_CREDENTIAL_PLACES: Final = {
    "s3": "AWS_ACCESS_KEY_ID or AWS_PROFILE, a role",
    "gs": _GOOGLE_PLACES,
    "gcs": _GOOGLE_PLACES,
    "abfs": _AZURE_PLACES,
    "abfss": _AZURE_PLACES,
}
"""Where file systems look for credentials, by scheme."""
_PARQUET_MAGIC: Final = b"PAR1"
"""The last bytes of every parquet file."""
_SECRET_VARIABLES: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_AWS_ERROR: Final = re.compile(r"AWS Error .+? during \w+ operation")
_ERROR_PATTERNS: Final = (
    _ErrorPattern(
        r"NO_SUCH_BUCKET|NoSuchBucket|Bucket '.*' not found",
        "the bucket does not exist",
        "Create it, or correct its name",
    ),
    _ErrorPattern(
        r"PERMANENT_REDIRECT|status 301|AuthorizationHeaderMalformed",
        "it is in another region",
        "Add its region: s3://...?region=eu-west-1",
    ),
    _ErrorPattern(
        r"ACCESS_DENIED|INVALID_ACCESS_KEY|SIGNATURE_DOES|status 403|Forbidden|Permission"
        r"|Credential|Unauthorized|EXPIRED_TOKEN|ExpiredToken",
        "access is denied",
        "Provide credentials where the file system looks for them ({credentials}) that may list, "
        "read, write and delete there",
    ),
    _ErrorPattern(
        r"NETWORK_CONNECTION|curlCode|resolving region|[Cc]onnect|[Tt]imeout|[Tt]imed out",
        "it cannot be reached",
        "Check the network, and region and endpoint_override if the URL has them",
    ),
)
_UNKNOWN_ERROR: Final = _ErrorPattern("", "it failed", "Try again, check its permissions")

# No other thread may replace an object between the decision to replace it and the replacement.
# Many locks, because a put takes a while and should block writers of the same object alone.
_replace_locks: Final = tuple(threading.Lock() for _ in range(64))


def is_url(name: str) -> bool:
    """Return whether a name is a URL, rather than a path."""
    return URL_SCHEME.match(name) is not None


class ObjectStorage:
    """A store below a prefix of a bucket.

    Parameters
    ----------
    url : str
        Such as ``s3://bucket/prefix?region=eu-west-1``; with a file system, the path in that.
    filesystem : pyarrow.fs.FileSystem or fsspec.AbstractFileSystem, optional
        By default the one that Arrow has for such URLs, with the credentials that it finds.

    Raises
    ------
    InvalidRequest
        When the URL is not valid for a store; checked without network access.
    """

    max_parallel_reads = 16
    is_remote = True

    def __init__(self, url: str, filesystem: object = None) -> None:
        self._given_filesystem = filesystem
        if filesystem is None:
            url = add_environment_endpoint(url)
            self.url, self.root = parse_url(url)
        else:
            system = as_arrow_filesystem(filesystem)
            reject_local(system)
            self.root = normalize_path(URL_SCHEME.sub("", url, count=1))
            scheme = filesystem_scheme(system)
            path = self.root.lstrip("/")
            self.url = f"{scheme}://{path}"
        self._given_url = url

    def __reduce__(self) -> tuple[type[ObjectStorage], tuple[str, object]]:
        return ObjectStorage, (self._given_url, self._given_filesystem)

    @property
    def filesystem(self) -> FileSystem:
        """The Arrow file system that holds the bucket.

        File systems of fsspec keep what they have listed. Another machine may have changed that:
        here they forget it, since each operation takes the file system from here.
        """
        forget_listings(self._filesystem)
        return self._filesystem

    @cached_property
    def _filesystem(self) -> FileSystem:
        if self._given_filesystem is not None:
            return as_arrow_filesystem(self._given_filesystem)
        with self._translate_errors("open", ""):
            system, _ = filesystem_from_url(self._given_url)
            return system

    @property
    def state_dir(self) -> Path:
        """A folder for this store alone on this machine."""
        endpoint = query_options(self._given_url).get("endpoint_override", "")
        return machine_state_dir(f"{endpoint} {self.url}")

    def display_name(self, key: str) -> str:
        """Return the URL of a key."""
        if not key:
            return self.url
        return f"{self.url}/{key}"

    def open(self, key: str) -> pa.NativeFile:
        """Open a parquet file after reading it whole, so that all of it is of one moment."""
        body = self._get(key)
        tail = body[-len(_PARQUET_MAGIC) :]
        if bytes(tail) != _PARQUET_MAGIC:
            # Most likely a longer object replaced it after its length was requested.
            body = self._get(key)
        return pa.BufferReader(body)

    def read(self, key: str) -> bytes:
        """Read a whole object."""
        return bytes(self._get(key))

    @contextlib.contextmanager
    def atomic_write(
        self, key: str, skip_if: Callable[[], object] = lambda: False
    ) -> Iterator[IO[bytes]]:
        """Open a file in memory, which is put into the bucket once it is complete."""
        body = io.BytesIO()
        yield body
        with self.locked(key):
            if not skip_if():
                with self._translate_errors("write", key):
                    self._put(key, body.getvalue())

    def locked(self, key: str) -> AbstractContextManager[object]:
        """Prevent other threads of this process from replacing the object."""
        index = hash(key) % len(_replace_locks)
        return _replace_locks[index]

    def remove(self, key: str) -> None:
        """Delete an object.

        Arrow leaves its folder, an empty object that listings do not count as a file.
        """
        with self._translate_errors("remove", key, passthrough=FileNotFoundError):
            self.filesystem.delete_file(self._path(key))

    def move(self, stamp: FileStamp, new_key: str) -> bool:
        """Copy an object to another key, then delete it, if nobody has replaced it meanwhile."""
        path = self._path(stamp.key)
        new_path = self._path(new_key)
        with self._translate_errors("move aside", stamp.key):
            self.filesystem.copy_file(path, new_path)
            if self._to_stamp(self.filesystem.get_file_info(path)) != stamp:
                self.filesystem.delete_file(new_path)
                return False
            self.filesystem.delete_file(path)
        return True

    def walk(self, *keys: str) -> Iterator[FileStamp]:
        """Yield all objects below these keys, at a request for each thousand objects of a key."""
        for key in keys:
            stamps: list[FileStamp] = []
            for info in self._list(key, recursive=True):
                if info.is_file:
                    stamp = self._to_stamp(info)
                    stamps.append(stamp)
            yield from sorted(stamps)

    def stat_many(self, folder: str, keys: Iterable[str]) -> dict[str, FileStamp]:
        """Return the stamps of the files that exist: lists the folder, in few requests."""
        wanted = set(keys)
        found: dict[str, FileStamp] = {}
        for stamp in self.walk(folder):
            if stamp.key in wanted:
                found[stamp.key] = stamp
        return found

    def stale_temp_files(self, *keys: str) -> Iterator[str]:
        """Yield nothing: there are no unfinished objects."""
        return iter(())

    def list_folders(self, key: str) -> list[str]:
        """Return the names of the next parts of the keys of objects that exist, or once did."""
        names: list[str] = []
        for info in self._list(key, recursive=False):
            if not info.is_file:
                names.append(info.base_name)
        return sorted(names)

    def is_broken_link(self, key: str) -> bool:
        """Return False: there are no links."""
        return False

    def is_link_to_folder(self, key: str) -> bool:
        """Return False: there are no links."""
        return False

    def check_writable(self) -> None:
        """Write an object that explains itself; the same one every time."""
        with self.atomic_write("writable") as file:
            file.write(b"sdanalytics writes this to see whether reports can be stored here.\n")

    def _get(self, key: str) -> pa.Buffer:
        with (
            self._translate_errors("read", key, passthrough=FileNotFoundError),
            self.filesystem.open_input_file(self._path(key)) as file,
        ):
            return file.read_buffer()

    def _put(self, key: str, body: bytes) -> None:
        # Not in a `with`: that would close the stream after an error too, and closing it stores
        # what was written so far.
        path = self._path(key)
        stream = self.filesystem.open_output_stream(path, compression=None)
        stream.write(body)
        stream.close()

    def _list(self, key: str, *, recursive: bool) -> list[FileInfo]:
        from pyarrow.fs import FileSelector

        with (
            contextlib.suppress(FileNotFoundError),
            self._translate_errors("list", key, passthrough=FileNotFoundError),
        ):
            selector = FileSelector(self._path(key), recursive=recursive)
            infos = self.filesystem.get_file_info(selector)
            return list(infos)
        return []

    def _path(self, key: str) -> str:
        """Return the path of a key in the file system."""
        return f"{self.root}/{key}"

    def _to_stamp(self, info: FileInfo) -> FileStamp:
        # Some file systems return paths with a leading slash, even if passed without one.
        path = str(info.path).lstrip("/")
        prefix = self.root.lstrip("/") + "/"
        size = info.size or 0
        modified = info.mtime_ns or 0
        return FileStamp(path.removeprefix(prefix), size, modified)

    @contextlib.contextmanager
    def _translate_errors(
        self, action: str, key: str, passthrough: type[Exception] | tuple[()] = ()
    ) -> Iterator[None]:
        """Raise `CacheError` for any failure, since each file system has its own errors."""
        try:
            yield
        except passthrough:
            raise
        except Exception as error:
            # Without the cause: its text may hold presigned URLs.
            raise _to_storage_error(action, self.display_name(key), error) from None


def _to_storage_error(action: str, name: str, error: Exception) -> CacheError:
    """Describe a failure: the action, the object, the reason, and what to do about it."""
    text = f"{type(error).__name__}: {error}"
    known = _recognize_error(text)
    aws_error = _AWS_ERROR.search(text)
    if aws_error:
        details = aws_error[0]
    else:
        first_line = text.splitlines()[0]
        details = redact(first_line, map(os.environ.get, _SECRET_VARIABLES))
        details = textwrap.shorten(details, MAX_DETAILS, placeholder=" ...")
    reason = f"{known.reason} ({details})"
    scheme = name.partition(":")[0]
    credentials = _CREDENTIAL_PLACES.get(scheme, "its documentation says where")
    return storage_error(action, name, reason, known.advice.format(credentials=credentials))


def _recognize_error(text: str) -> _ErrorPattern:
    for known in _ERROR_PATTERNS:
        if re.search(known.pattern, text):
            return known
    return _UNKNOWN_ERROR
