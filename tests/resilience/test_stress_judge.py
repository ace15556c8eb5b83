"""The judge of the stress test finds each kind of fault, and none where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest

from tests.resilience.stress_judge import METRICS, Judge, read_files

DAY: Final = "2026-11-01"
UNLISTED: Final = [3, 6]
TACTICS: Final = {1: "T00020", 2: "T00020", 3: "T00020", 4: "T00030", 5: "T00030", 6: "T00030"}


def row(campaign: int, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = dict.fromkeys(METRICS, campaign * 10)
    return {"campaignId": campaign} | values | {"campaignName": f"name {campaign}"} | changes


def expected_rows() -> pd.DataFrame:
    rows = [row(campaign, tactic=tactic) for campaign, tactic in TACTICS.items()]
    day = pd.Timestamp(DAY).as_unit("s")
    return pd.DataFrame(rows).assign(date=day)


def find_faults(folder: Path, files: dict[str, list[dict[str, Any]]], *, repaired: bool) -> str:
    """Write files by tactic, and return what the judge finds."""
    for tactic, rows in files.items():
        path = folder / "reports" / "source=NA" / f"tactic={tactic}" / f"date={DAY}"
        path.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows), path / "report.parquet")
    stored = read_files(pafs.LocalFileSystem(), str(folder))
    assert len(stored) == len(files)
    judge = Judge(expected_rows(), UNLISTED)
    return "; ".join(judge.find_faults_of_files(stored, repaired=repaired))


GOOD: Final = {
    "a tactic of version 2": {"T00020": [row(1), row(2), row(3)]},
    "tactics of version 3": {
        "T00020": [row(1), row(2)],
        "T00030": [row(4), row(5)],
        "unknown": [row(3), row(6)],
    },
    "a tactic of each": {
        "T00020": [row(1), row(2), row(3)],
        "T00030": [row(4), row(5)],
        "unknown": [row(6)],
    },
    "rows of unknown tactic alone": {"unknown": [row(3)]},
    "nothing": {},
}


@pytest.mark.parametrize("files", GOOD.values(), ids=GOOD)
@pytest.mark.parametrize("repaired", [False, True])
def test_nothing_is_found_where_nothing_is_wrong(
    tmp_path: Path, files: dict[str, list[dict[str, Any]]], repaired: bool
) -> None:
    assert find_faults(tmp_path, files, repaired=repaired) == ""


BAD: Final = {
    "a lost row": ({"T00020": [row(1), row(3)]}, "1 rows are lost"),
    "a doubled row": ({"T00020": [row(1), row(2), row(3), row(1)]}, "rows count twice"),
    "a value of another row": ({"T00020": [row(1, clicks=20), row(2), row(3)]}, "clicks is of"),
    "a text of another row": (
        {"T00020": [row(1, campaignName="name 2"), row(2), row(3)]}, "campaignName is of",
    ),
    "a lost value": ({"T00020": [row(1, cost=None), row(2), row(3)]}, "cost is lost"),
    "a row of another tactic": ({"T00020": [row(1), row(2), row(3), row(4)]}, "of another tactic"),
    "a listed row of unknown tactic": ({"unknown": [row(1)]}, "of another tactic"),
    "a row of nobody": ({"T00030": [row(4), row(5), row(7)]}, "does not have"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "fault"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("repaired", [False, True])
def test_a_fault_is_found_at_any_time(
    tmp_path: Path, files: dict[str, list[dict[str, Any]]], fault: str, repaired: bool
) -> None:
    assert fault in find_faults(tmp_path, files, repaired=repaired)


BAD_AFTER_REPAIR: Final = {
    "a row in two files": (
        {"T00020": [row(1), row(2), row(3)], "unknown": [row(3), row(6)]}, "rows count twice",
    ),
    "a lost row of unknown tactic": (
        {"T00030": [row(4), row(5)], "unknown": [row(3)]}, "1 rows are lost",
    ),
    "all rows of unknown tactic lost": ({"T00030": [row(4), row(5)]}, "1 rows are lost"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "fault"), BAD_AFTER_REPAIR.values(), ids=BAD_AFTER_REPAIR)
def test_what_a_kill_may_leave_is_a_fault_once_it_is_repaired(
    tmp_path: Path, files: dict[str, list[dict[str, Any]]], fault: str
) -> None:
    assert find_faults(tmp_path / "before", files, repaired=False) == ""
    assert fault in find_faults(tmp_path / "after", files, repaired=True)
