"""`Objects`: a store on object storage, such as S3, through the file systems of Arrow or fsspec.

What differs from a disk: an object is put whole or not at all, and read whole, in one answer,
so there is nothing to rename and nothing unfinished. But nobody can look and replace in one
step: of two machines that store the same slice in the same moment the later one stays, and
columns that only the earlier one had are asked for again.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import pyarrow as pa

from sdanalytics._core.redact import redact
from sdanalytics.errors import CacheError, InvalidRequest
from sdanalytics.store.backends.base import FileStamp

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_OPTIONS: Final = {
    "s3": {"allow_delayed_open": "true"},  # small objects in one request instead of three
    "gs": {"retry_limit_seconds": "60"},  # by default a quarter of an hour
    "gcs": {"retry_limit_seconds": "60"},
}
_PLAIN: Final = ("scheme", "endpoint_override")
"""Options of an address that are arguments of Arrow's, as they are."""
_PATIENCE: Final = 5.0
"""Seconds without any sign after which an attempt is given up."""
_ATTEMPTS: Final = 3
_END: Final = b"PAR1"
"""What every parquet file ends with."""
_SECRETS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_KEYS: Final = re.compile(r"key|secret|token|password|sas_", re.IGNORECASE)
_AWS: Final = re.compile(r"AWS Error .+? during \w+ operation")
_WHY: Final = (
    (
        r"NO_SUCH_BUCKET|NoSuchBucket|Bucket '.*' not found",
        "there is no such bucket",
        "Make it, or correct its name",
    ),
    (
        r"PERMANENT_REDIRECT|status 301|AuthorizationHeaderMalformed",
        "it is in another region",
        "Say which: s3://...?region=eu-west-1",
    ),
    (
        r"ACCESS_DENIED|INVALID_ACCESS_KEY|SIGNATURE_DOES|status 403|Forbidden|Permission"
        r"|Credential|Unauthorized|EXPIRED_TOKEN|ExpiredToken",
        "access is denied",
        "Have credentials where the file system looks for them (AWS_ACCESS_KEY_ID or "
        "AWS_PROFILE, a role), which may list, read, write and delete there",
    ),
    (
        r"NETWORK_CONNECTION|curlCode|resolving region|[Cc]onnect|[Tt]imeout|[Tt]imed out",
        "it cannot be reached",
        "See to the network, and to region and endpoint_override if its address has any",
    ),
)
_OTHERWISE: Final = "Try again, see to its permissions"

# Between the look at what is there and its replacement no other thread replaces it; many,
# because a put takes a while and keeps from its own place alone.
_REPLACING: Final = tuple(threading.Lock() for _ in range(64))


def is_url(name: str) -> bool:
    """Whether that is the address of object storage, rather than a path."""
    return _SCHEME.match(name) is not None


class ObjectStorage:
    """A store below a prefix of a bucket.

    Parameters
    ----------
    url : str
        Such as ``s3://bucket/prefix?region=eu-west-1``; with a file system, the path in that.
    filesystem : pyarrow.fs.FileSystem or fsspec.AbstractFileSystem, optional
        By default the one that Arrow has for such addresses, with the credentials that it
        finds.

    Raises
    ------
    InvalidRequest
        For what cannot be the address of a store; nothing is asked for that.
    """

    max_parallel_reads = 16
    is_remote = True

    def __init__(self, url: str, filesystem: object = None) -> None:
        self._given, self._own = url, filesystem
        if filesystem is None:
            self.url, self.root = _checked(url)
        else:
            system = _arrows(filesystem)
            _refuse_local(system)
            self.root = _tidy(_SCHEME.sub("", url, count=1))
            self.url = f"{_scheme_of(system)}://{self.root.lstrip('/')}"

    def __reduce__(self) -> tuple[type[ObjectStorage], tuple[str, object]]:
        return ObjectStorage, (self._given, self._own)

    @cached_property
    def filesystem(self) -> FileSystem:
        """The file system of Arrow."""
        if self._own is not None:
            return _arrows(self._own)
        with self._saying("open", ""):
            return _from_url(self._given)[0]

    @property
    def state_dir(self) -> Path:
        """A folder of its own in the user's state folder."""
        import platformdirs

        endpoint = dict(parse_qsl(urlsplit(self._given).query)).get("endpoint_override", "")
        key = hashlib.sha256(f"{endpoint} {self.url}".encode()).hexdigest()[:16]
        return platformdirs.user_state_path("sdanalytics", appauthor=False) / "stores" / key

    def display_name(self, place: str) -> str:
        """The address of a place."""
        return f"{self.url}/{place}" if place else self.url

    def open(self, place: str) -> pa.NativeFile:
        """A parquet file, read whole: so all that is read of it is of one moment."""
        body = self._body(place)
        if bytes(body[-len(_END) :]) != _END:
            # Replaced by a longer one between its length and its content, most likely.
            body = self._body(place)
        return pa.BufferReader(body)

    def read(self, place: str) -> bytes:
        """All of an object."""
        return bytes(self._body(place))

    @contextlib.contextmanager
    def atomic_write(
        self, place: str, skip_if: Callable[[], object] = lambda: False
    ) -> Iterator[IO[bytes]]:
        """A file in memory, which is put in `place` once it is whole."""
        body = io.BytesIO()
        yield body
        with self.locked(place):
            if not skip_if():
                with self._saying("write", place):
                    self._put(place, body.getvalue())

    def locked(self, place: str) -> AbstractContextManager[object]:
        """While no other thread of this process replaces what is there."""
        return _REPLACING[hash(place) % len(_REPLACING)]

    def remove(self, place: str) -> None:
        """Delete an object.

        Arrow keeps the folder that it was in: as an object of no bytes, which listings do not
        take for a file.
        """
        with self._saying("remove", place, but=FileNotFoundError):
            self.filesystem.delete_file(self._at(place))

    def move(self, place: str, to: str) -> None:
        """Copy an object to another place, then delete it."""
        with self._saying("move aside", place):
            self.filesystem.copy_file(self._at(place), self._at(to))
            self.filesystem.delete_file(self._at(place))

    def walk(self, *places: str) -> Iterator[FileStamp]:
        """All objects below these places, in order: a request for each thousand of a place."""
        for place in places:
            files = [info for info in self._listed(place, recursive=True) if info.is_file]
            stamps = (FileStamp(self._place(i), i.size or 0, i.mtime_ns or 0) for i in files)
            yield from sorted(stamps)

    def stat_many(self, folder: str, places: Iterable[str]) -> dict[str, FileStamp]:
        """Those of these files that there are: their folder is listed, rather than asking each."""
        wanted = set(places)
        return {stamp.place: stamp for stamp in self.walk(folder) if stamp.place in wanted}

    def stale_temp_files(self, *places: str) -> Iterator[str]:
        """Nothing: what was not finished is not there."""
        return iter(())

    def list_folders(self, place: str) -> list[str]:
        """What lies next below a place, of which there is, or was, an object further below."""
        infos = self._listed(place, recursive=False)
        return sorted(info.base_name for info in infos if not info.is_file)

    def is_broken_link(self, place: str) -> bool:
        """There are no links."""
        return False

    def check_writable(self) -> None:
        """Put an object that says what it is for; the same each time."""
        with self.atomic_write("writable") as file:
            file.write(b"sdanalytics writes this to see whether reports can be stored here.\n")

    def _body(self, place: str) -> pa.Buffer:
        with (
            self._saying("read", place, but=FileNotFoundError),
            self.filesystem.open_input_file(self._at(place)) as file,
        ):
            return file.read_buffer()

    def _put(self, place: str, body: bytes) -> None:
        # Not in a `with`: that closes whatever happens, and closing stores what was written.
        stream = self.filesystem.open_output_stream(self._at(place), compression=None)
        stream.write(body)
        stream.close()

    def _listed(self, place: str, recursive: bool) -> list[FileInfo]:
        from pyarrow.fs import FileSelector

        with (
            contextlib.suppress(FileNotFoundError),
            self._saying("list", place, but=FileNotFoundError),
        ):
            selector = FileSelector(self._at(place), recursive=recursive)
            return list(self.filesystem.get_file_info(selector))
        return []

    def _at(self, place: str) -> str:
        return f"{self.root}/{place}"

    def _place(self, info: FileInfo) -> str:
        # Of some file systems paths begin with a slash, given so or not.
        return str(info.path).lstrip("/")[len(self.root.lstrip("/")) + 1 :]

    @contextlib.contextmanager
    def _saying(
        self, action: str, place: str, but: type[Exception] | tuple[()] = ()
    ) -> Iterator[None]:
        """Whatever fails in here, each file system in its own way, is a `CacheError`."""
        try:
            yield
        except but:
            raise
        except Exception as error:
            raise _refused(
                action, self.display_name(place), error
            ) from None  # it may hold addresses


def _refused(action: str, name: str, error: Exception) -> CacheError:
    """What the storage said when something was done to an object, and what to do about it."""
    text = f"{type(error).__name__}: {error}"
    why, advice = next(
        ((why, advice) for pattern, why, advice in _WHY if re.search(pattern, text)),
        ("it failed", _OTHERWISE),
    )
    said = _AWS.search(text)
    told = said[0] if said else redact(text.splitlines()[0], map(os.environ.get, _SECRETS))
    return CacheError(
        f"cannot {action} {name}: {why} ({told}); what is there is untouched. {advice}, "
        "or choose another place with cache= or SDANALYTICS_CACHE_DIR"
    )


def _checked(url: str) -> tuple[str, str]:
    """An address without its options, and what it is in its file system; nothing is asked."""
    parts = urlsplit(url)
    plain = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")
    if _has_credentials(url):
        raise InvalidRequest(
            f"the address {plain} comes with a user or key in it: leave that out, and have it "
            "where the file system looks for it (AWS_ACCESS_KEY_ID or AWS_PROFILE, a role)"
        )
    try:
        # Without a region Arrow would ask the bucket for its own; that has time.
        system, path = _from_url(_with(url, region="us-east-1") if _has_no_region(url) else url)
    except (pa.ArrowException, ImportError, OSError, ValueError) as error:
        raise InvalidRequest(
            f"{plain} is no address of a store: {redact(str(error))}. Addresses are such as "
            "s3://bucket/prefix?region=eu-west-1; ReportCache(path, filesystem=...) takes any "
            "file system of pyarrow or fsspec"
        ) from None
    _refuse_local(system)
    if not parts.netloc or parts.fragment:
        raise InvalidRequest(f"{plain} names no bucket; an address is s3://bucket/prefix")
    return plain, _tidy(path)


def _has_credentials(url: str) -> bool:
    parts = urlsplit(url)
    is_azure = parts.scheme.startswith("abfs")  # whose containers stand before an @
    has_user = not is_azure and parts.username not in (None, "anonymous")
    in_options = _KEYS.search(parts.query) or "@" in unquote(parts.query)
    return bool(parts.password or has_user or in_options)


def _tidy(path: str) -> str:
    """A path in a file system, none of whose parts means another place."""
    path = path.rstrip("/")
    parts = path.removeprefix("/").split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise InvalidRequest(f"{path!r} is no path of a store; one is bucket/prefix")
    return path


def _from_url(url: str) -> tuple[FileSystem, str]:
    """Arrow's file system for an address, and the path in it."""
    from pyarrow.fs import FileSystem

    options = _OPTIONS.get(url.partition(":")[0], {})
    system, path = FileSystem.from_uri(_with(url, **options))
    return _that_gives_up(url, system), path


def _that_gives_up(url: str, system: Any) -> FileSystem:
    """That of S3 with limits: Arrow's own waits for minutes where nobody answers."""
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query))
    if parts.scheme != "s3" or not given.keys() <= {"region", *_PLAIN}:
        return system
    return S3FileSystem(
        anonymous=parts.username == "anonymous",
        allow_delayed_open=True,
        connect_timeout=_PATIENCE,
        request_timeout=_PATIENCE,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
        **given | {"region": system.region},
    )


def _has_no_region(url: str) -> bool:
    given = dict(parse_qsl(urlsplit(url).query))
    return url.startswith("s3:") and not given.keys() & {"region", "endpoint_override"}


def _with(url: str, **options: str) -> str:
    """An address with these options, where it does not have them already."""
    given = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    return urlsplit(url)._replace(query=urlencode(options | given)).geturl()


def _arrows(filesystem: Any) -> FileSystem:
    """A file system as Arrow's."""
    from pyarrow.fs import FileSystem, FSSpecHandler, PyFileSystem

    if isinstance(filesystem, FileSystem):
        return filesystem
    fsspec = sys.modules.get("fsspec")  # whoever has one of its file systems has it loaded
    if fsspec is not None and isinstance(filesystem, fsspec.AbstractFileSystem):
        return PyFileSystem(FSSpecHandler(filesystem))
    raise InvalidRequest(
        f"filesystem={type(filesystem).__name__} is none; pyarrow.fs.S3FileSystem is one, as "
        "are those of fsspec"
    )


def _refuse_local(system: FileSystem) -> None:
    if "local" in system.type_name:
        raise InvalidRequest("folders need neither an address nor a file system: give the path")


def _scheme_of(system: FileSystem) -> str:
    """What addresses of a file system begin with."""
    # Those of fsspec are such as "py::fsspec+memory" and "py::fsspec+('s3', 's3a')".
    named = re.search(r"fsspec\+\W*(\w+)", system.type_name)
    return named[1] if named else str(system.type_name)
