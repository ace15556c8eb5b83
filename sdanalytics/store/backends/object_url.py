"""URLs of object storage: their validation, and the Arrow file system for each."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import pyarrow as pa

from sdanalytics._core.redact import redact
from sdanalytics.errors import InvalidRequest

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

URL_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DEFAULT_OPTIONS: Final = {
    "s3": {"allow_delayed_open": "true"},  # small objects in one request instead of three
    "gs": {"retry_limit_seconds": "20"},  # by default a quarter of an hour
    "gcs": {"retry_limit_seconds": "20"},
}
"""Options of Arrow's that a URL gets unless it has them, by scheme."""
_ARROW_OPTIONS: Final = ("scheme", "endpoint_override")
"""Options of a URL that are, unchanged, arguments of Arrow's `S3FileSystem`."""
_ENDPOINT_VARIABLES: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
"""Variables of AWS's tools that name another service than Amazon's; the first that is set counts.

Arrow itself reads them, too, but then it asks such a service for hosts named after buckets."""
_ATTEMPT_TIMEOUT: Final = 5.0
"""Seconds of silence after which an attempt ends."""
_MAX_ATTEMPTS: Final = 3
_CREDENTIAL_OPTION: Final = re.compile(r"key|secret|token|password|sas_", re.IGNORECASE)


class ObjectLocation(NamedTuple):
    """A location on object storage.

    Attributes
    ----------
    url : str
        Without options.
    root : str
        The path in the file system: the bucket and the prefix.
    """

    url: str
    root: str


def parse_url(url: str) -> ObjectLocation:
    """Parse and check the URL of a store, without any network access.

    Raises
    ------
    InvalidRequest
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    plain_url = f"{parts.scheme}://{host}{parts.path}"
    plain_url = plain_url.rstrip("/")
    if _has_credentials(url):
        raise InvalidRequest(
            f"the URL {plain_url} must not contain a user or key: leave that out, and put it where "
            "the file system looks for it (AWS_ACCESS_KEY_ID or AWS_PROFILE, a role)"
        )
    system, path = _parse_with_arrow(url, plain_url)
    reject_local(system)
    if not parts.netloc or parts.fragment:
        raise InvalidRequest(
            f"the URL of a cache must name a bucket, such as s3://bucket/prefix, got {plain_url}"
        )
    return ObjectLocation(plain_url, normalize_path(path))


def normalize_path(path: str) -> str:
    """Return a path in a file system without slashes at its end.

    Raises
    ------
    InvalidRequest
        When a part of it is empty or relative.
    """
    path = path.rstrip("/")
    parts = path.removeprefix("/").split("/")
    if not {"", ".", ".."}.isdisjoint(parts):
        raise InvalidRequest(
            "the path of a cache must be such as bucket/prefix, without empty parts, '.' or '..', "
            f"got {path!r}"
        )
    return path


def filesystem_from_url(url: str) -> tuple[FileSystem, str]:
    """Return Arrow's file system for a URL, and the path in it."""
    from pyarrow.fs import FileSystem

    scheme = url.partition(":")[0]
    options = _DEFAULT_OPTIONS.get(scheme, {})
    system, path = FileSystem.from_uri(_add_query_options(url, **options))
    return _with_timeouts(url, system), path


def as_arrow_filesystem(filesystem: Any) -> FileSystem:
    """Return a user's file system as one of Arrow's.

    One of fsspec's that keeps copies of files is replaced by the file system behind it: a store
    must read what is there now.

    Raises
    ------
    InvalidRequest
        For anything but a file system of Arrow or fsspec.
    """
    from pyarrow.fs import FileSystem, FSSpecHandler, PyFileSystem

    fsspec_system = _fsspec_filesystem(filesystem)
    if fsspec_system is not None:
        filesystem = fsspec_system
    elif isinstance(filesystem, FileSystem):
        return filesystem
    fsspec = sys.modules.get("fsspec")  # imported already, if this is one of its file systems
    if fsspec is not None and isinstance(filesystem, fsspec.AbstractFileSystem):
        return PyFileSystem(FSSpecHandler(_without_file_cache(filesystem)))
    raise InvalidRequest(
        "filesystem must be a file system of pyarrow, such as pyarrow.fs.S3FileSystem, or of "
        f"fsspec, got {type(filesystem).__name__}"
    )


def forget_listings(system: Any) -> None:
    """Have a file system of fsspec drop the listings that it keeps; others keep none."""
    from pyarrow.fs import SubTreeFileSystem

    while isinstance(system, SubTreeFileSystem):
        system = system.base_fs
    fsspec_system = _fsspec_filesystem(system)
    if fsspec_system is not None:
        fsspec_system.invalidate_cache()


def _fsspec_filesystem(system: Any) -> Any:
    """Return the file system of fsspec that one of Arrow's wraps; None if it wraps none."""
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    if isinstance(system, PyFileSystem) and isinstance(system.handler, FSSpecHandler):
        return system.handler.fs
    return None


def _without_file_cache(system: Any) -> Any:
    """Return the file system behind those of fsspec that keep copies of files."""
    caching = sys.modules.get("fsspec.implementations.cached")
    while caching is not None and isinstance(system, caching.CachingFileSystem):
        system = system.fs
    return system


def add_environment_endpoint(url: str) -> str:
    """Return an S3 URL with the endpoint of the environment, unless it has one of its own.

    Raises
    ------
    InvalidRequest
        When the variable is not the URL of a host.
    """
    if not url.startswith("s3:") or "endpoint_override" in query_options(url):
        return url
    for variable in _ENDPOINT_VARIABLES:
        endpoint = os.environ.get(variable, "")
        if not endpoint:
            continue
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
            raise InvalidRequest(
                f"{variable} must be the URL of a host such as https://s3.example.com, got "
                f"{redact(endpoint)!r}; or name it in the URL of the cache: "
                "s3://...?endpoint_override=s3.example.com"
            )
        return _add_query_options(url, scheme=parts.scheme, endpoint_override=parts.netloc)
    return url


def reject_local(system: FileSystem) -> None:
    """Raise `InvalidRequest` for a file system of this machine: `LocalStorage` is for that."""
    if "local" in system.type_name:
        raise InvalidRequest(
            "a cache in a local folder must be given without URL and file system: pass its path"
        )


def filesystem_scheme(system: FileSystem) -> str:
    """Return the scheme of URLs of a file system."""
    # Those of fsspec are such as "py::fsspec+memory" and "py::fsspec+('s3', 's3a')".
    match = re.search(r"fsspec\+\W*(\w+)", system.type_name)
    if match is None:
        return str(system.type_name)
    return match[1]


def query_options(url: str) -> dict[str, str]:
    """Return the options in the query of a URL."""
    return dict(parse_qsl(urlsplit(url).query))


def _has_credentials(url: str) -> bool:
    parts = urlsplit(url)
    is_azure = parts.scheme.startswith("abfs")  # its containers stand before an @
    has_user = not is_azure and parts.username not in (None, "anonymous")
    has_credential_option = _CREDENTIAL_OPTION.search(parts.query) is not None
    has_user_in_option = "@" in unquote(parts.query)
    has_password = bool(parts.password)
    return has_password or has_user or has_credential_option or has_user_in_option


def _parse_with_arrow(url: str, plain_url: str) -> tuple[FileSystem, str]:
    """Have Arrow parse a URL; its errors become `InvalidRequest`, naming `plain_url`."""
    if _lacks_region(url):
        # Arrow would request the region of the bucket, and this must not use the network.
        url = _add_query_options(url, region="us-east-1")
    try:
        return filesystem_from_url(url)
    except (pa.ArrowException, ImportError, OSError, ValueError) as error:
        raise InvalidRequest(
            "the URL of a cache must be such as s3://bucket/prefix?region=eu-west-1, got "
            f"{plain_url}: {redact(str(error))}. ReportCache(path, filesystem=...) takes any file "
            "system of pyarrow or fsspec"
        ) from None


def _lacks_region(url: str) -> bool:
    if not url.startswith("s3:"):
        return False
    options = query_options(url)
    return "region" not in options and "endpoint_override" not in options


def _with_timeouts(url: str, system: Any) -> FileSystem:
    """Return the same S3 file system with timeouts: without, Arrow waits for minutes."""
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

    parts = urlsplit(url)
    options = query_options(url)
    if parts.scheme != "s3":
        return system
    other_options = options.keys() - {"region", *_ARROW_OPTIONS}
    if other_options:  # these cannot be passed on
        return system
    options["region"] = system.region
    return S3FileSystem(
        anonymous=parts.username == "anonymous",
        allow_delayed_open=True,
        connect_timeout=_ATTEMPT_TIMEOUT,
        request_timeout=_ATTEMPT_TIMEOUT,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=_MAX_ATTEMPTS),
        **options,
    )


def _add_query_options(url: str, **defaults: str) -> str:
    """Return a URL with these options, unless it has them already."""
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    query = urlencode(defaults | given)
    return parts._replace(query=query).geturl()
