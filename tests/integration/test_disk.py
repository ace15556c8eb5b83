"""Disks that fail: the path is named, and older files are neither lost nor truncated."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from itertools import product
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, fetch_report
from sdanalytics.model.partition import Partition, Provenance
from tests.support.box import Box
from tests.support.stores import partitions_in

resource = pytest.importorskip("resource", reason="permissions and limits of POSIX")

NOBODY = 65534
SLICE = Partition("NA", "1", "campaigns", None, "T00020", date(2026, 11, 1))
Fault = Callable[[ReportCache], AbstractContextManager[object]]


@pytest.fixture
def store() -> Iterator[ReportCache]:
    """Return a store in a folder that other users than root can reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield ReportCache(Path(folder) / "store")


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Act as a user without privileges: permissions do not restrict root."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@contextlib.contextmanager
def allowed(modes: Mapping[Path, int]) -> Iterator[None]:
    """Change the permissions of these paths, and act as a user without privileges."""
    before = {path: path.stat().st_mode for path in modes}
    for path, mode in modes.items():
        path.chmod(mode)
    try:
        with unprivileged():
            yield
    finally:
        for path, mode in before.items():
            path.chmod(mode)


def folders(store: ReportCache) -> list[Path]:
    return [store.path, *(path for path in store.path.rglob("*") if path.is_dir())]


def files(store: ReportCache) -> list[Path]:
    return sorted((store.path / "reports").rglob("report.parquet"))


def unfinished(store: ReportCache) -> list[Path]:
    return list(store.path.parent.rglob("*.tmp"))


def fetch(box: Box, store: ReportCache, *metrics: str) -> pd.DataFrame:
    names = metrics or ("clicks", "cost", "currency")
    return fetch_report(
        "campaigns", box.day(3), box.day(2), metrics=names, client=box.client, cache=store
    )


def read_operations(store: ReportCache, box: Box) -> list[Callable[[], object]]:
    """Return all operations that look for stored files."""

    def read() -> object:
        return store.read("campaigns", box.day(3), box.day(2))

    return [lambda: fetch(box, store), read, store.entries, store.coverage]


def put(store: ReportCache, rows: int, *columns: str, partition: Partition = SLICE) -> pa.Table:
    """Store this number of incompressible rows, and return the table."""
    random = np.random.default_rng(rows)
    numbers = {name: random.integers(0, 2**62, rows) for name in ("campaignId", *columns)}
    table = pa.table(numbers).sort_by("campaignId")
    origin = Provenance(f"r{rows}", datetime(2026, 11, 20, tzinfo=UTC), "v2")
    partitions_in(store).store_report({partition: table}, origin)
    return table


@contextlib.contextmanager
def largest(size: int) -> Iterator[None]:
    """Limit the size of files: the system then reports errors as for a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def no_large_files(store: ReportCache) -> AbstractContextManager[None]:
    return largest(8192)


def no_writing(store: ReportCache) -> AbstractContextManager[None]:
    return allowed(dict.fromkeys(folders(store), 0o555))


def no_entering(store: ReportCache) -> AbstractContextManager[None]:
    return allowed({files(store)[0].parent: 0o000})


def no_reading(store: ReportCache) -> AbstractContextManager[None]:
    return allowed(dict.fromkeys(folders(store), 0o777) | {files(store)[0]: 0o000})


@contextlib.contextmanager
def instead(path: Path, make: Callable[[Path], object]) -> Iterator[None]:
    """Replace a file or folder by something else."""
    aside = path.with_name("aside")
    path.rename(aside)
    make(path)
    try:
        yield
    finally:
        path.rmdir() if path.is_dir() else path.unlink()
        aside.rename(path)


def a_folder(store: ReportCache) -> AbstractContextManager[None]:
    return instead(files(store)[0], Path.mkdir)


def a_file_for_the_day(store: ReportCache) -> AbstractContextManager[None]:
    return instead(files(store)[0].parent, Path.touch)


def a_file_for_the_source(store: ReportCache) -> AbstractContextManager[None]:
    return instead(store.path / "reports" / "source=NA", Path.touch)


def a_file_for_the_store(store: ReportCache) -> AbstractContextManager[None]:
    return instead(store.path, Path.touch)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (no_large_files, "File too large; .* Allow larger files"),
        (no_writing, "Permission denied; .* Check the permissions"),
        (no_entering, "Permission denied"),
        (no_reading, "cannot read .*Permission denied"),
        (a_folder, r"the folder .*report\.parquet is in the way; .*repair\(\)"),
        (a_file_for_the_day, r"the file .*date=2026-11-01 is in the way; .*repair\(\)"),
        (a_file_for_the_source, "the file .*source=NA is in the way"),
        (a_file_for_the_store, "the file .*store is in the way"),
    ],
)
def test_a_failed_write_is_reported_and_loses_nothing(
    store: ReportCache, fault: Fault, message: str
) -> None:
    older = put(store, 100)
    with fault(store), pytest.raises(sda.CacheError, match=message) as caught:
        put(store, 5000, "clicks")
    assert str(files(store)[0]) in str(caught.value)
    assert "existing files are untouched" in str(caught.value)
    assert "SDANALYTICS_CACHE_DIR" in str(caught.value)
    assert partitions_in(store).load(SLICE, ["campaignId"]) == older
    assert store.verify().empty
    assert unfinished(store) == []
    newer = put(store, 5000, "clicks")
    assert partitions_in(store).load(SLICE, ["campaignId", "clicks"]) == newer


def history_file(store: ReportCache) -> Path:
    return next((store.path / "history").rglob("day.history"))


def writable_but(store: ReportCache, modes: Mapping[Path, int]) -> AbstractContextManager[None]:
    """Allow anybody to write to all folders, except for some paths."""
    return allowed({**dict.fromkeys(folders(store), 0o777), **modes})


def no_writing_of_history(store: ReportCache) -> AbstractContextManager[None]:
    return writable_but(store, {history_file(store).parent: 0o555})


def no_reading_of_history(store: ReportCache) -> AbstractContextManager[None]:
    return writable_but(store, {history_file(store): 0o000})


def a_folder_for_the_history(store: ReportCache) -> AbstractContextManager[None]:
    return instead(history_file(store), Path.mkdir)


def a_file_for_all_histories(store: ReportCache) -> AbstractContextManager[None]:
    return instead(store.path / "history", Path.touch)


HISTORY_FAULTS = [
    (no_large_files, "File too large; .* Allow larger files"),
    (no_writing_of_history, "Permission denied; .* Check the permissions"),
    (no_reading_of_history, "cannot read .*Permission denied"),
    (a_folder_for_the_history, r"the folder .*day\.history is in the way; .*repair\(\)"),
    (a_file_for_all_histories, "the file .*history is in the way"),
]


@pytest.mark.parametrize(("fault", "message"), HISTORY_FAULTS)
def test_a_day_is_not_replaced_while_what_it_has_cannot_be_kept(
    store: ReportCache, fault: Fault, message: str
) -> None:
    put(store, 10)
    put(store, 5000, "clicks")
    kept = history_file(store).read_bytes()
    with fault(store), pytest.raises(sda.CacheError, match=message) as caught:
        put(store, 20, "clicks")
    assert "what it has cannot be kept" in str(caught.value)
    assert "ReportCache(path, history=False)" in str(caught.value)
    assert str(files(store)[0]) in str(caught.value)
    assert history_file(store).read_bytes() == kept
    assert len(store.read("campaigns", SLICE.date, metrics=["clicks"])) == 5000
    assert unfinished(store) == []
    with fault(store):
        put(ReportCache(store.path, history=False), 30, "clicks")
    put(store, 20, "clicks")
    versions = store.history("campaigns", SLICE.date, metrics=["clicks"])
    assert len(versions) == 10 + 30 + 20  # without that of 5,000 rows


def test_a_report_whose_day_cannot_be_kept_is_stored_by_the_next_call(
    store: ReportCache, box: Box
) -> None:
    metrics = {"metrics": ["clicks"], "tactic": "T00020", "client": box.client, "cache": store}
    day = box.day(2)
    for _ in range(2):
        fetch_report("campaigns", day, refresh="always", **metrics)  # type: ignore[arg-type]
        box.clock.pass_time(86400)
    with a_folder_for_the_history(store), pytest.raises(sda.CacheError, match="cannot be kept"):
        fetch_report("campaigns", day, **metrics)  # type: ignore[arg-type]
    assert box.sandbox.count("request_report") == 3
    fetch_report("campaigns", day, **metrics)  # type: ignore[arg-type]
    assert box.sandbox.count("request_report") == 3
    assert store.history("campaigns", day)["fetched_at"].nunique() == 3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk with room for 1.5 MB."""
    mounted = ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(tmp_path)]
    if shutil.which("mount") is None or subprocess.run(mounted, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_full_disk_is_reported_and_keeps_stored_days(small_disk: Path, box: Box) -> None:
    store = ReportCache(small_disk / "store")
    fetch(box, store)
    before = {path: path.read_bytes() for path in files(store)}
    filler = small_disk / "others"
    with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    requested = len(box.sandbox.reports)
    with pytest.raises(sda.CacheError, match=r"No space left .*Free disk space") as caught:
        fetch(box, store, "clicks", "cost", "impressions")
    assert len(box.sandbox.reports) == requested  # no report without a place to store it
    assert str(store.path) in str(caught.value)
    assert {path: path.read_bytes() for path in files(store)} == before
    assert unfinished(store) == []
    with pytest.raises(sda.CacheError, match="No space left"):
        partitions_in(store).check_writable()
    filler.unlink()
    partitions_in(store).check_writable()
    assert "impressions" in fetch(box, store, "clicks", "cost", "impressions")
    assert store.verify().empty


class TestReadOnly:
    def test_stored_days_are_served_without_writing(self, box: Box, store: ReportCache) -> None:
        frame = fetch(box, store)
        stamps = {path: path.stat().st_mtime_ns for path in store.path.rglob("*")}
        requested = box.sandbox.count("request_report")
        with no_writing(store):
            pd.testing.assert_frame_equal(fetch(box, store), frame)
            read = store.read("campaigns", box.day(3), box.day(2))
            assert len(read) == len(frame)
            assert len(store.entries()) == 4
            assert store.verify().empty
            assert store.repair().empty
            assert len(store.coverage(now=box.clock.now())) == 6
        assert {path: path.stat().st_mtime_ns for path in store.path.rglob("*")} == stamps
        assert box.sandbox.count("request_report") == requested

    def test_missing_days_cannot_be_fetched(self, box: Box, store: ReportCache) -> None:
        fetch(box, store)
        fetch_report(
            "campaigns", box.day(9), client=box.client, cache=False
        )  # so that all modules are loaded
        with no_writing(store):
            with pytest.raises(sda.CacheError, match=r"Permission denied") as caught:
                fetch_report("campaigns", box.day(9), client=box.client, cache=store)
            with pytest.raises(sda.CacheError, match="Permission denied"):
                partitions_in(store).check_writable()
            with pytest.raises(sda.CacheError, match="cannot remove"):
                store.remove("campaigns", box.day(3))
        assert str(store.path) in str(caught.value)
        assert len(store.entries()) == 4


class TestUnreadable:
    def test_an_unreadable_file_does_not_count_as_absent(
        self, box: Box, store: ReportCache
    ) -> None:
        frame = fetch(box, store)
        path = files(store)[0]
        with no_reading(store):
            for operation in read_operations(store, box):
                with pytest.raises(sda.CacheError, match=r"cannot read .*Permission denied"):
                    operation()
            assert store.verify()["path"].tolist() == [str(path)]
        assert box.sandbox.count("request_report") == 4
        pd.testing.assert_frame_equal(fetch(box, store), frame)
        assert box.sandbox.count("request_report") == 4

    def test_an_unreadable_folder_does_not_count_as_empty(
        self, box: Box, store: ReportCache
    ) -> None:
        fetch(box, store)
        folders = (store.path, store.path / "reports", files(store)[0].parents[1])
        for folder, mode in product(folders, (0o000, 0o444)):
            with allowed({folder: mode}):
                for operation in (*read_operations(store, box), store.verify, store.repair):
                    with pytest.raises(sda.CacheError, match="Permission denied") as caught:
                        operation()
                    assert str(folder) in str(caught.value)
        assert box.sandbox.count("request_report") == 4

    def test_unreadable_profile_metadata_is_not_requested_again(
        self, box: Box, store: ReportCache
    ) -> None:
        fetch(box, store)
        path = next((store.path / "profiles").rglob("*.json"))
        with (
            allowed({path: 0o000}),
            pytest.raises(sda.CacheError, match=r"\.json: Permission"),
        ):
            fetch(box, store)
        assert box.sandbox.count("profiles") == 1


@pytest.mark.parametrize("fault", [a_folder, a_file_for_the_day])
def test_an_obstacle_is_reported_before_any_request(
    box: Box, store: ReportCache, fault: Fault
) -> None:
    fetch(box, store)
    with fault(store), pytest.raises(sda.CacheError, match="is in the way"):
        fetch(box, store)
    assert box.sandbox.count("request_report") == 4


def test_a_file_in_place_of_the_store_is_reported_by_all_methods(box: Box, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    store = ReportCache(tmp_path / "file")
    check_writable = partitions_in(store).check_writable
    for operation in (*read_operations(store, box), store.verify, store.repair, check_writable):
        with pytest.raises(sda.CacheError, match="file is in the way"):
            operation()
    assert (tmp_path / "file").read_text() == "mine"
    assert box.sandbox.count("profiles") == 0


@pytest.mark.parametrize("umask", [0o077, 0o027, 0o002])
def test_files_carry_the_users_permissions(box: Box, store: ReportCache, umask: int) -> None:
    before = os.umask(umask)
    try:
        fetch(box, store)
        fetch(box, store, "impressions")
        files(store)[0].write_bytes(b"")
        store.repair()
    finally:
        os.umask(before)
    paths = list(store.path.rglob("*"))
    data_files = [path for path in paths if path.suffix in (".parquet", ".history", ".json")]
    assert history_file(store) in data_files
    assert {path.stat().st_mode & 0o777 for path in data_files} == {0o666 & ~umask}
    below = [path for path in paths if path.is_dir()]
    assert {path.stat().st_mode & 0o777 for path in below} == {0o777 & ~umask}


def test_files_of_a_killed_writer_are_not_read(box: Box, store: ReportCache) -> None:
    fetch(box, store)
    path = files(store)[0]
    killed = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from sdanalytics.store.backends.disk import LocalStorage\n"
        "with LocalStorage(Path(sys.argv[1])).atomic_write(sys.argv[2]) as file:\n"
        "    file.write(b'PAR1 and a half')\n"
        "    file.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    key = path.relative_to(store.path).as_posix()
    process = subprocess.run([sys.executable, "-c", killed, str(store.path), key])
    assert process.returncode == -signal.SIGKILL
    (left,) = unfinished(store)
    assert store.verify().empty
    assert len(store.entries()) == 4
    rows = int(store.entries()["rows"].sum())
    root = store.path / "reports"
    assert ds.dataset(root, partitioning="hive").count_rows() == rows
    assert len(pd.read_parquet(root)) == rows
    counted = duckdb.sql(f"select count(*) as n from read_parquet('{root}/**/*.parquet')").df()
    assert counted["n"].tolist() == [rows]
    assert store.repair().empty
    assert left.exists()  # somebody may still be writing it
    an_hour_ago = left.stat().st_mtime - 3601
    os.utime(left, (an_hour_ago, an_hour_ago))
    assert store.repair().empty
    assert unfinished(store) == []
    assert len(files(store)) == 4
