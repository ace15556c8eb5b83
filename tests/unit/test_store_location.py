"""Where a store is: paths, addresses of object storage, file systems."""

from __future__ import annotations

import traceback
from pathlib import Path

import fsspec
import platformdirs
import pyarrow.fs as pafs
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from sdanalytics import CacheError, InvalidRequest, ReportCache
from tests.support.stores import partitions_in

KEY, SECRET = "AKIAEXAMPLE", "a-secret-that-nobody-may-see"


def test_the_default_store_is_in_the_user_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ReportCache().path.name == "default-store"
    monkeypatch.delenv("SDANALYTICS_CACHE_DIR")
    assert ReportCache().path == platformdirs.user_data_path("sdanalytics", appauthor=False)
    assert repr(ReportCache("/x")) == "ReportCache('/x')"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"s3://{KEY}:{SECRET}@bucket/store", "leave that out"),
        (f"s3://{KEY}@bucket/store", "leave that out"),
        (f"s3://bucket/store?secret_key={SECRET}", "leave that out"),
        ("s3://", "must name a bucket"),
        ("s3:///store", "Missing bucket"),
        ("s3://bucket/store#1", "must name a bucket"),
        ("s3://bucket/a//b", "path of a cache must"),
        ("s3://bucket/../b", "path of a cache must"),
        ("s4://bucket/store", "URL of a cache must"),
        ("s3://bucket/store?zone=5", "URL of a cache must .*zone"),
        ("s3://bucket/store?region=x&scheme=ftp", "URL of a cache must .*ftp"),
        ("file:///tmp/store", "pass its path"),
    ],
)
def test_malformed_addresses_are_rejected(url: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message) as caught:
        ReportCache(url)
    assert SECRET not in str(caught.value)
    assert KEY not in str(caught.value)


def test_an_address_turned_into_a_path_is_rejected() -> None:
    with pytest.raises(InvalidRequest, match="pass it as text"):
        ReportCache(Path("s3://bucket/store"))


def test_unknown_file_systems_are_rejected() -> None:
    for system, message in (
        ("s3", "filesystem must .*got str"),
        (pafs.LocalFileSystem(), "pass its path"),
        (fsspec.filesystem("file"), "pass its path"),
    ):
        with pytest.raises(InvalidRequest, match=message):
            ReportCache("bucket/store", filesystem=system)


def test_messages_of_a_file_system_are_redacted() -> None:
    class Telling(MemoryFileSystem):  # type: ignore[misc]
        def _open(self, *args: object, **options: object) -> None:
            raise RuntimeError(f"no answer of https://host/object?sig={SECRET}")

    store = ReportCache("bucket/telling", filesystem=Telling(skip_instance_cache=True))
    with pytest.raises(CacheError, match="no answer of https://host/object") as caught:
        partitions_in(store).check_writable()
    assert SECRET not in "".join(traceback.format_exception(caught.value))
