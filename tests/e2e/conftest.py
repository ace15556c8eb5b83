"""The package that is built once for all tests that install it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.built_package import BuiltPackage, build_package


@pytest.fixture(scope="session")
def built_package(tmp_path_factory: pytest.TempPathFactory) -> BuiltPackage:
    """Return the source distribution, and the wheel that was built from it."""
    return build_package(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def wheel(built_package: BuiltPackage) -> Path:
    return built_package.wheel
