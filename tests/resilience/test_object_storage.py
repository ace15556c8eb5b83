"""The store on object storage: moto's S3 server on loopback."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs
import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, fetch_report
from sdanalytics.model.partition import Partition, Provenance
from tests.support.box import Box
from tests.support.object_storage import KEY, LOGIN, SECRET, Bucket, serve_bucket
from tests.support.stores import partitions_in

SLICE = Partition("NA", "1", "campaigns", None, "T00020", date(2026, 11, 1))
NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bucket]:
    for name, value in (LOGIN | {"XDG_STATE_HOME": str(tmp_path / "state")}).items():
        monkeypatch.setenv(name, value)
    with serve_bucket() as running:
        yield running


def fetch(box: Box, store: ReportCache | str, *metrics: str) -> pd.DataFrame:
    names = metrics or ("clicks", "cost", "currency")
    return fetch_report(
        "campaigns", box.day(3), box.day(2), metrics=names, client=box.client, cache=store
    )


def put(store: ReportCache, rows: int, *columns: str, partition: Partition = SLICE) -> pa.Table:
    """Store this number of incompressible rows, and return the table."""
    random = np.random.default_rng(rows)
    numbers = {name: random.integers(0, 2**62, rows) for name in ("campaignId", *columns)}
    table = pa.table(numbers).sort_by("campaignId")
    partitions_in(store).store_report({partition: table}, Provenance(f"r{rows}", NOW, "v2"))
    return table


def test_stored_days_are_not_requested_again(box: Box, bucket: Bucket) -> None:
    frame = fetch(box, bucket.url())
    assert box.sandbox.count("request_report") == 4
    box.sandbox.stop()
    pd.testing.assert_frame_equal(fetch(box, bucket.url()), frame)
    read = bucket.store().read(
        "campaigns", box.day(3), box.day(2), metrics=frame.columns[3:].tolist()
    )
    pd.testing.assert_frame_equal(read, frame)
    assert read.attrs["sdanalytics"]["slices_missing"] == 0


def test_the_environment_sets_the_store(
    box: Box, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDANALYTICS_CACHE_DIR", bucket.url())
    frame = fetch_report("campaigns", box.day(3), client=box.client)
    assert len(bucket.reports()) == 2
    assert len(ReportCache().read("campaigns", box.day(3))) == len(frame)


def test_the_layout_equals_that_of_a_folder(box: Box, bucket: Bucket, store: ReportCache) -> None:
    fetch(box, bucket.store())
    fetch(box, store)
    reports = (store.path / "reports").rglob("*.parquet")
    assert bucket.reports() == sorted(p.relative_to(store.path).as_posix() for p in reports)
    assert {key.partition("/")[0] for key in bucket.contents()} == {
        "reports", "profiles", "writable",
    }  # fmt: skip


def test_entries_and_coverage_equal_those_of_a_folder(
    box: Box, bucket: Bucket, store: ReportCache
) -> None:
    remote = bucket.store()
    fetch(box, store)
    fetch(box, remote)
    ours = ["report_id", "fetched_at", "path", "bytes"]
    entries = remote.entries()
    pd.testing.assert_frame_equal(entries.drop(columns=ours), store.entries().drop(columns=ours))
    assert entries["path"].tolist() == [f"s3://bucket/store/{key}" for key in bucket.reports()]
    contents = bucket.contents()
    assert entries["bytes"].tolist() == [len(contents[key]) for key in bucket.reports()]
    now = box.clock.now()
    pd.testing.assert_frame_equal(
        remote.coverage(now=now).drop(columns="fetched_at"),
        store.coverage(now=now).drop(columns="fetched_at"),
    )


def test_a_wider_partition_replaces_a_narrower(box: Box, bucket: Bucket) -> None:
    fetch(box, bucket.store(), "clicks")
    frame = fetch(box, bucket.store(), "impressions")
    assert bucket.store().entries()["columns"].map(len).tolist() == [3] * 4
    pd.testing.assert_frame_equal(
        bucket.store().read("campaigns", box.day(3), box.day(2), metrics=["impressions"]), frame
    )
    narrow = put(bucket.store(), 50, "clicks")
    assert put(bucket.store(), 60).num_rows == 60  # it has fewer columns, so the stored one is kept
    assert partitions_in(bucket.store()).load(SLICE, ["campaignId", "clicks"]) == narrow


def test_compacted_months_need_fewer_requests(
    box: Box, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sdanalytics.store.compaction.MTIME_SETTLE_TIME", 0
    )  # stored by the test itself, so always fresh
    first, last = box.day(9), box.day(3)

    def read() -> tuple[pd.DataFrame, int]:
        bucket.requests.clear()
        frame = bucket.store().read("campaigns", first, last)
        return frame, len(bucket.requests)

    fetch_report("campaigns", first, last, client=box.client, cache=bucket.url())
    assert bucket.store().compact() == 0  # the call has compacted it
    whole, requests = read()
    months = [key for key in bucket.contents() if key.endswith(".month")]
    assert len(months) == 2
    bucket.put(months[0], b"")
    bucket.put(months[1], b"")
    bucket.fails = lambda method, path: 403 if method == "PUT" else None
    days, more_requests = read()
    pd.testing.assert_frame_equal(days, whole)
    assert requests < more_requests / 2


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_the_environment_names_the_service(
    box: Box, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv(variable, f"http://{bucket.host}/")
    store = ReportCache("s3://bucket/store?region=us-east-1")
    frame = fetch(box, store)
    assert len(bucket.reports()) == 4
    assert store.url == "s3://bucket/store"
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for same in (pickle.loads(pickle.dumps(store)), bucket.store()):  # those that have one keep it
        pd.testing.assert_frame_equal(fetch(box, same), frame)
    assert box.sandbox.count("request_report") == 4


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9000", "ftp://host", "http://host/path", "http:"])
def test_an_endpoint_that_is_no_host_is_named(
    monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(sda.InvalidRequest, match="AWS_ENDPOINT_URL must be the URL of a host"):
        ReportCache("s3://bucket/store")
    assert ReportCache("s3://bucket/store?region=x&endpoint_override=host").url


class TestUpkeep:
    @pytest.mark.parametrize("body", [b"", b"PAR1 and a half", b"half PAR1"])
    def test_damaged_objects_are_reported_and_quarantined(
        self, box: Box, bucket: Bucket, body: bytes
    ) -> None:
        store = bucket.store()
        frame = fetch(box, store)
        assert store.verify().empty
        key = bucket.reports()[1]
        bucket.put(key, body)
        assert store.verify()["path"].tolist() == [f"{store.url}/{key}"]
        assert len(store.entries()) == 3
        moved = store.repair()
        assert moved["path"].tolist() == [f"{store.url}/{key}"]
        [aside] = [name for name in bucket.contents() if name.startswith(f"damaged/{key}.")]
        assert moved["moved_to"].tolist() == [f"{store.url}/{aside}"]
        assert bucket.contents()[aside] == body
        assert store.verify().empty
        pd.testing.assert_frame_equal(fetch(box, store), frame)
        assert box.sandbox.count("request_report") == 5

    def test_a_stray_object_is_reported(self, box: Box, bucket: Bucket) -> None:
        fetch(box, bucket.store())
        bucket.put("reports/notes.txt", b"mine")
        [message] = bucket.store().verify()["problem"]
        assert message.startswith("foreign")
        assert len(bucket.store().entries()) == 4

    def test_removed_objects_are_gone(self, box: Box, bucket: Bucket) -> None:
        store = bucket.store()
        fetch(box, store)
        assert store.remove("campaigns", box.day(3), tactic="T00020") == 1
        assert store.remove("campaigns", box.day(3), tactic="T00020") == 0
        assert len(bucket.reports()) == len(store.entries()) == 3
        fetch(box, store)
        assert box.sandbox.count("request_report") == 5

    def test_a_removed_profile_leaves_no_objects(self, box: Box, bucket: Bucket) -> None:
        store = bucket.store()
        fetch(box, store)
        german = box.client_for(1)
        fetch_report("campaigns", box.day(3), client=german, cache=store)
        with pytest.raises(sda.InvalidRequest, match=str(german.profile_id)):
            store.read("campaigns", box.day(3), box.day(2))
        store.remove("campaigns", box.day(3), profile_id=german.profile_id)
        assert len(store.read("campaigns", box.day(3), box.day(2))) > 0


def test_reports_in_flight_are_recorded_on_this_machine(
    box: Box, bucket: Bucket, tmp_path: Path
) -> None:
    with pytest.raises(sda.ReportTimeout):
        fetch_report("campaigns", box.day(2), client=box.client, cache=bucket.url(), timeout=2)
    assert len(bucket.store().pending()) == 2
    assert ReportCache(bucket.url("bucket/other")).pending().empty
    [database] = (tmp_path / "state").rglob("*.sqlite")
    fetch_report("campaigns", box.day(2), client=box.client, cache=bucket.url())
    assert box.sandbox.count("request_report") == 2
    assert bucket.store().pending().empty
    assert not any(key.endswith(".sqlite") for key in bucket.contents())
    assert all(secret.encode() not in database.read_bytes() for secret in (KEY, SECRET))


class TestOtherEngines:
    def test_engines_read_the_same_values(self, box: Box, bucket: Bucket) -> None:
        store = bucket.store()
        frame = fetch(box, store)
        store.remove("campaigns", box.day(2), tactic="T00030")
        frame = fetch(box, store)  # after Arrow has made an object for the folder
        store.remove("campaigns", box.day(2), tactic="T00020")
        frame = store.read("campaigns", box.day(3), box.day(2))
        scan = ds.dataset("bucket/store/reports", filesystem=bucket.filesystem, partitioning="hive")
        assert scan.count_rows() == len(frame)
        summed = (
            "select tactic, sum(clicks)::bigint as clicks, sum(cost) as cost from {} group by 1"
        )
        result = duckdb.sql(summed.format("scan") + " order by 1").df()
        expected = frame.groupby("tactic", observed=True)[["clicks", "cost"]].sum()
        assert result["clicks"].tolist() == expected["clicks"].tolist()
        assert result["cost"].tolist() == pytest.approx(expected["cost"].tolist())

    def test_sql_on_the_store(self, box: Box, bucket: Bucket) -> None:
        frame = fetch(box, bucket.store())
        summed = bucket.store().sql("select sum(clicks) as clicks from campaigns")
        assert summed["clicks"].tolist() == [frame["clicks"].sum()]

    def test_engines_can_use_the_path_of_the_store(self, box: Box, bucket: Bucket) -> None:
        frame = fetch(box, bucket.store())
        storage = bucket.store().storage
        root = f"{storage.root}/reports"
        scan = ds.dataset(root, filesystem=storage.filesystem, partitioning="hive")
        assert scan.count_rows() == len(frame)


class Killed(BaseException):
    """Raised in place of the end of a process."""


class TestAtomicWrites:
    def test_a_writer_that_dies_stores_nothing(self, bucket: Bucket) -> None:
        store = bucket.store()
        older = put(store, 100)

        def die() -> None:
            with store.storage.atomic_write(bucket.reports()[0]) as file:
                file.write(b"PAR1 and a half")
                raise Killed

        with pytest.raises(Killed):
            die()
        assert partitions_in(store).load(SLICE, ["campaignId"]) == older
        assert store.verify().empty

    @pytest.mark.parametrize(("rows", "status"), [(1000, 403), (1000, 500), (1_000_000, 403)])
    def test_a_failed_put_keeps_the_old_object(
        self, bucket: Bucket, rows: int, status: int
    ) -> None:
        """Large objects are put in parts; the second part fails."""
        store = bucket.store()
        older = put(store, 100)

        def fails(method: str, path: str) -> int | None:
            is_second = "partNumber=" not in path or "partNumber=2" in path
            return status if method == "PUT" and is_second else None

        bucket.fails = fails
        with pytest.raises(sda.CacheError, match=r"cannot write s3://bucket/store/reports.*AWS"):
            put(store, rows, "clicks")
        bucket.fails = None
        assert partitions_in(store).load(SLICE, ["campaignId"]) == older
        assert store.verify().empty
        newer = put(store, rows, "clicks")
        assert partitions_in(store).load(SLICE, ["campaignId", "clicks"]) == newer

    def test_small_reports_take_one_put(self, bucket: Bucket) -> None:
        store = bucket.store()
        put(store, 1000, "clicks")
        assert [request for request in bucket.requests if request.startswith(("PUT", "POST"))][
            2:
        ] == [f"PUT /bucket/store/{bucket.reports()[0]}"]

    def test_two_writers_of_a_partition_leave_one_complete_object(self, bucket: Bucket) -> None:
        tables: list[pa.Table] = []

        def machine(rows: range) -> None:
            store = bucket.store()
            tables.extend(put(store, n) for n in rows)

        threads = [threading.Thread(target=machine, args=[range(n, n + 5)]) for n in (100, 200)]
        for thread in threads:
            thread.start()
        seen = 0
        while any(thread.is_alive() for thread in threads):
            seen += partitions_in(bucket.store()).load(SLICE, ["campaignId"]) is not None
        for thread in threads:
            thread.join()
        assert seen
        assert partitions_in(bucket.store()).load(SLICE, ["campaignId"]) in tables
        assert bucket.store().verify().empty

    def test_an_object_replaced_by_a_larger_one_is_read_completely(self, bucket: Bucket) -> None:
        """The size is requested first: reading just that many bytes would truncate a new object."""
        store = bucket.store()
        put(store, 100)
        key = bucket.reports()[0]
        longer = put(ReportCache(bucket.url("bucket/other")), 5000)
        body = bucket.body(f"bucket/other/{key}")

        def replaced(method: str, path: str) -> None:
            if method == "GET" and key in path:
                bucket.fails = None
                bucket.put(key, body)

        bucket.fails = replaced
        assert partitions_in(store).load(SLICE, ["campaignId"]) == longer


class TestErrors:
    def test_denied_access_is_explained_and_requests_no_report(
        self, box: Box, bucket: Bucket
    ) -> None:
        store = bucket.store()
        fetch(box, store)
        bucket.fails = lambda method, path: 403
        for operation in (
            lambda: fetch(box, store),
            store.entries,
            store.verify,
            partitions_in(store).check_writable,
            lambda: store.remove("campaigns", box.day(3)),
        ):
            with pytest.raises(sda.CacheError, match=r"access is denied .*credentials") as caught:
                operation()
            message = str(caught.value)
            assert "s3://bucket/store" in message
            assert "existing files are untouched" in message
            assert KEY not in message
            assert SECRET not in message
        assert box.sandbox.count("request_report") == 4

    def test_reports_that_cannot_be_stored_are_not_requested(
        self, box: Box, bucket: Bucket
    ) -> None:
        bucket.fails = lambda method, path: 403 if "writable" in path else None
        with pytest.raises(sda.CacheError, match=r"cannot write s3://bucket/store/writable"):
            fetch(box, bucket.store())
        assert box.sandbox.count("request_report") == 0

    def test_a_missing_bucket_is_an_error(self, box: Box, bucket: Bucket) -> None:
        store = ReportCache(bucket.url("buckett/store"))
        with pytest.raises(sda.CacheError, match=r"bucket does not exist .*correct its name"):
            fetch(box, store)
        with pytest.raises(sda.CacheError, match="bucket does not exist"):
            store.entries()
        assert box.sandbox.count("request_report") == 0

    def test_an_unreachable_service_is_an_error(self, bucket: Bucket) -> None:
        url = bucket.url().replace(bucket.host, "127.0.0.1:9")
        with pytest.raises(sda.CacheError, match=r"cannot be reached .*endpoint_override"):
            partitions_in(ReportCache(url)).lookup(SLICE)


def test_options_and_keys_are_not_shown(box: Box, bucket: Bucket) -> None:
    store = bucket.store()
    assert repr(store) == "ReportCache('s3://bucket/store')"
    assert store.url == "s3://bucket/store"
    with pytest.raises(sda.InvalidRequest, match=r"ReportCache\.url"):
        store.path  # noqa: B018
    fetch(box, store)
    everything = b"".join(bucket.contents().values()) + pickle.dumps(store)
    assert KEY.encode() not in everything
    assert SECRET.encode() not in everything


def test_a_store_can_be_pickled(box: Box, bucket: Bucket, tmp_path: Path) -> None:
    for store in (bucket.store(), ReportCache(tmp_path / "local")):
        frame = fetch(box, store)
        unpickled = pickle.loads(pickle.dumps(store))
        assert repr(unpickled) == repr(store)
        read = unpickled.read(
            "campaigns", box.day(3), box.day(2), metrics=frame.columns[3:].tolist()
        )
        pd.testing.assert_frame_equal(read, frame)


def test_other_file_systems_can_be_used(box: Box, bucket: Bucket) -> None:
    memory = fsspec.filesystem("memory", skip_instance_cache=True)
    given = pafs.S3FileSystem(region="us-east-1", endpoint_override=bucket.host, scheme="http")
    for system, url in ((memory, "memory://bucket/own"), (given, "s3://bucket/own")):
        store = ReportCache("bucket/own", filesystem=system)
        assert store.url == url
        frame = fetch(box, store)
        pd.testing.assert_frame_equal(fetch(box, store), frame)
        assert len(store.entries()) == 4
        assert store.verify().empty
        key = store.entries()["path"][0].removeprefix(f"{url}/")
        with store.storage.atomic_write(key) as file:
            file.write(b"half")
        assert len(store.repair()) == 1
        assert store.remove("campaigns", box.day(3), box.day(2)) == 3
        assert store.entries().empty
    assert box.sandbox.count("request_report") == 8
