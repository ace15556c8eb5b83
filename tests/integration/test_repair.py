"""`ReportCache.repair` moves what is invalid, of this store, and nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from unittest import mock

import pytest

from sdanalytics import ReportCache
from sdanalytics.store.maintenance import StoreMaintenance
from tests.support.samples import store_samples

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links")


def day_files(store: ReportCache) -> list[Path]:
    return sorted((store.path / "reports").rglob("report.parquet"))


@pytest.fixture
def filled(store: ReportCache) -> ReportCache:
    store_samples(store, "campaigns", 3)
    return store


@pytest.mark.parametrize("below", ["reports", "reports/source=NA", "profiles", "months"])
def test_a_link_to_another_folder_is_not_followed(
    filled: ReportCache, below: str, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "thesis.tex").write_text("mine")
    shutil.copy(day_files(filled)[0], project / "report.parquet")
    link = filled.path / below / "date=2026-11-01"
    link.parent.mkdir(exist_ok=True, parents=True)
    link.symlink_to(project, target_is_directory=True)
    entries = len(filled.entries())
    problems = filled.verify()
    assert problems["path"].tolist() == [str(link)]
    assert "a link to a folder" in problems["problem"][0]
    [moved] = filled.repair()["moved_to"]
    assert sorted(os.listdir(project)) == ["report.parquet", "thesis.tex"]
    assert Path(moved).is_symlink()
    assert filled.verify().empty
    assert len(filled.entries()) == entries


@pytest.mark.parametrize("target", [".", "..", "loop"])
def test_a_link_that_leads_in_a_circle_is_repaired(filled: ReportCache, target: str) -> None:
    entries = filled.entries()
    link = day_files(filled)[0].parents[1] / "loop"
    link.symlink_to(target)
    assert len(filled.entries()) == len(entries)
    assert len(filled.coverage()) > 0
    assert filled.verify()["path"].tolist() == [str(link)]
    assert len(filled.repair()) == 1
    assert filled.verify().empty


def test_a_file_that_was_replaced_while_it_was_read_stays(filled: ReportCache) -> None:
    """Another process fetches the damaged day again."""
    path = day_files(filled)[0]
    content = path.read_bytes()
    path.write_bytes(b"damaged")
    validate = StoreMaintenance._validate

    def validate_and_replace(self: StoreMaintenance, key: str) -> None:
        try:
            validate(self, key)
        finally:
            if path.read_bytes() == b"damaged":
                new = path.with_suffix(".new")
                new.write_bytes(content)
                os.replace(new, path)

    with mock.patch.object(StoreMaintenance, "_validate", validate_and_replace):
        assert filled.repair().empty
    assert path.read_bytes() == content
    assert filled.verify().empty


def test_a_file_that_was_replaced_just_before_it_is_moved_is_put_back(
    filled: ReportCache,
) -> None:
    path = day_files(filled)[0]
    content = path.read_bytes()
    path.write_bytes(b"damaged")
    rename = os.rename

    def replace_and_rename(source: str, target: str) -> None:
        if source == str(path):
            new = path.with_suffix(".new")
            new.write_bytes(content)
            os.replace(new, path)
        rename(source, target)

    with mock.patch.object(os, "rename", replace_and_rename):
        assert filled.repair().empty
    assert path.read_bytes() == content
    assert [file for file in (filled.path / "damaged").rglob("*") if file.is_file()] == []


def test_unfinished_files_in_the_root_and_of_campaigns_are_removed(filled: ReportCache) -> None:
    left = [filled.path / ".writable.0123456789ab.tmp"]
    left.append(filled.path / "campaigns" / "source=NA" / ".profile_id=1.json.0123456789ab.tmp")
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert filled.repair().empty
    assert all(path.exists() for path in left)  # somebody may still be writing them
    for path in left:
        os.utime(path, (1, 1))
    assert filled.repair().empty
    assert not any(path.exists() for path in left)


@pytest.mark.parametrize("content", ["[]", "{", '{"1": 2', "null"])
def test_damaged_campaigns_are_repaired(filled: ReportCache, content: str) -> None:
    path = filled.path / "campaigns" / "source=NA" / "profile_id=1.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"12": "T00020"}')
    assert filled.verify().empty
    path.write_text(content)
    assert filled.verify()["path"].tolist() == [str(path)]
    assert len(filled.repair()) == 1
    assert not path.exists()
