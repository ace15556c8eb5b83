"""Stores on file systems of fsspec, which keep what they have listed or read."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pyarrow.fs as pafs
import pytest
from fsspec import AbstractFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from sdanalytics import InvalidRequest, ReportCache
from sdanalytics.store.cache import internal_store
from tests.support.samples import GERMANY, NOW, US, day, store_samples

_numbers = itertools.count()


class ListingFileSystem(MemoryFileSystem):  # type: ignore[misc]
    """A file system that keeps listings as s3fs, gcsfs and adlfs do, until it must forget them."""

    cachable = False
    # By listings, as of the file systems of the cloud; those of memory look at the files.
    find = AbstractFileSystem.find
    isfile = AbstractFileSystem.isfile

    def __init__(self) -> None:
        super().__init__()
        self.listings: dict[str, list[dict[str, Any]]] = {}

    def ls(self, path: str, detail: bool = True, **options: object) -> list[Any]:
        path = self._strip_protocol(path).rstrip("/")
        if path not in self.listings:
            self.listings[path] = super().ls(path, detail=True)
        infos = self.listings[path]
        return infos if detail else [info["name"] for info in infos]

    def info(self, path: str, **options: object) -> dict[str, Any]:
        path = self._strip_protocol(path).rstrip("/")
        listing = self.listings.get(path.rpartition("/")[0])
        if listing is None:
            found: dict[str, Any] = super().info(path)
            return found
        for info in listing:
            if info["name"] == path:
                return info
        raise FileNotFoundError(path)

    def invalidate_cache(self, path: str | None = None) -> None:
        self.listings.clear()


def wrapped() -> pafs.FileSystem:
    return pafs.PyFileSystem(pafs.FSSpecHandler(ListingFileSystem()))


def file_cache() -> Any:
    return fsspec.filesystem("filecache", target_protocol="memory", skip_instance_cache=True)


@pytest.fixture(params=[ListingFileSystem, wrapped, file_cache])
def stores(request: pytest.FixtureRequest) -> tuple[ReportCache, ReportCache]:
    """Return one store twice: as this machine sees it, and as another does."""
    make: Callable[[], Any] = request.param
    path = f"bucket/store-{next(_numbers)}"
    other = fsspec.filesystem("memory", skip_instance_cache=True)
    return ReportCache(path, filesystem=make()), ReportCache(path, filesystem=other)


def test_days_that_another_machine_stores_are_found(
    stores: tuple[ReportCache, ReportCache],
) -> None:
    here, there = stores
    assert here.entries().empty
    for first, last in ((6, 5), (4, 2)):
        store_samples(there, "campaigns", first, last, metrics=["clicks"])
        paths = here.entries()["path"].tolist()
        assert paths == there.entries()["path"].tolist()
        frame = here.read("campaigns", day(6), day(1))
        assert frame["date"].dt.date.unique().tolist() == sorted(day(ago) for ago in range(last, 7))
        (count,) = here.sql("select count(distinct date) as days from campaigns")["days"]
        assert count == 7 - last
        assert here.coverage(now=NOW)["state"].eq("missing").sum() == 2 * (last - 1)


def test_days_that_another_machine_widens_are_read_anew(
    stores: tuple[ReportCache, ReportCache],
) -> None:
    here, there = stores
    store_samples(there, "campaigns", 3, 2, metrics=["clicks"])
    narrow = here.read("campaigns", day(3), day(2))
    assert "cost" not in narrow
    store_samples(there, "campaigns", 3, 2, metrics=["clicks", "cost", "currency"])
    wide = here.read("campaigns", day(3), day(2))
    pd.testing.assert_frame_equal(wide, there.read("campaigns", day(3), day(2)))
    assert wide["cost"].sum() > 0
    assert here.verify().empty
    assert here.sql("select sum(cost) as cost from campaigns")["cost"][0] > 0


def test_days_that_another_machine_removes_are_missing(
    stores: tuple[ReportCache, ReportCache],
) -> None:
    here, there = stores
    store_samples(there, "campaigns", 3, 2, metrics=["clicks"])
    assert len(here.read("campaigns", day(3), day(2)))
    assert there.remove("campaigns", day(3)) == 2
    frame = here.read("campaigns", day(3), day(2))
    assert frame.attrs["sdanalytics"]["slices_missing"] == 2
    assert len(here.entries()) == 2
    store_samples(there, "campaigns", 3, 3, metrics=["clicks"])
    assert here.remove("campaigns", day(3)) == 2
    assert len(there.entries()) == 2


def test_a_second_profile_is_noticed(stores: tuple[ReportCache, ReportCache]) -> None:
    here, there = stores
    store_samples(there, "campaigns", 2, 2, metrics=["clicks"], profile_id=US)
    assert len(here.read("campaigns", day(2)))
    store_samples(there, "campaigns", 2, 2, metrics=["clicks"], profile_id=GERMANY)
    with pytest.raises(InvalidRequest, match="must name one profile"):
        here.read("campaigns", day(2))


def test_the_file_system_for_other_engines_forgets_too(
    stores: tuple[ReportCache, ReportCache],
) -> None:
    here, there = stores
    store_samples(there, "campaigns", 2, 2, metrics=["clicks"])
    storage = here.storage
    selector = pafs.FileSelector(f"{storage.root}/reports", recursive=True)
    before = len(storage.filesystem.get_file_info(selector))
    store_samples(there, "campaigns", 3, 3, metrics=["clicks"])
    assert len(storage.filesystem.get_file_info(selector)) > before


@pytest.mark.skipif(not hasattr(Path, "owner"), reason="no entries of users")
class TestWithoutHome:
    """A container that runs as a user without an entry, and without HOME."""

    @pytest.fixture(autouse=True)
    def _homeless(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_entry(uid: object) -> None:
            raise KeyError(uid)

        monkeypatch.setattr("pwd.getpwuid", no_entry)
        monkeypatch.setattr("pwd.getpwnam", no_entry)
        for name in ("HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "SDANALYTICS_CACHE_DIR"):
            monkeypatch.delenv(name, raising=False)

    @pytest.mark.parametrize("path", [None, "~/reports", "~nobody/reports"])
    def test_the_error_says_how_to_name_a_folder(self, path: str | None) -> None:
        with pytest.raises(InvalidRequest, match=r"no home folder '~.*cache=.*SDANALYTICS_CACHE"):
            ReportCache(path)

    def test_object_storage_keeps_its_state_in_the_temporary_folder(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        store = ReportCache("s3://bucket/x?region=us-east-1")
        assert store.storage.state_dir.is_relative_to(tmp_path)
        other = ReportCache("s3://bucket/y?region=us-east-1")
        assert other.storage.state_dir != store.storage.state_dir
        assert store.pending().empty

    def test_a_folder_that_is_named_needs_no_home(self, tmp_path: Path) -> None:
        store = ReportCache(tmp_path)
        store_samples(store, "campaigns", 2, 2, metrics=["clicks"])
        assert len(store.entries()) == 2
        assert internal_store(store).storage.state_dir == tmp_path
