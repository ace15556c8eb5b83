"""The package that is built once for all tests that install it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.built_package import BuiltPackage, build_package


@pytest.fixture(scope="session")
def built_package(tmp_path_factory: pytest.TempPathFactory) -> BuiltPackage:
    """Return the source distribution, and the wheel that was built from it."""
    return build_package(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def wheel(built_package: BuiltPackage) -> Path:
    return built_package.wheel


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Start two single-threaded processes on this machine, reached by loopback only."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.delenv("PYTHONWARNINGS")  # dask calls what pandas deprecates
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1",
            dashboard_address="127.0.0.1:0", worker_dashboard_address=None, memory_limit=0,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):  # fmt: skip
        yield client
