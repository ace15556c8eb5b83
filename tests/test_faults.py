"""Whatever goes wrong, the right data or the right error; see `tests.faults`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults import CELLS, PAGE, RIGHT, Cell, page, run


def shortfall(cell: Cell) -> str | None:
    """What the library does not do yet, where a cell needs it."""
    if cell.fault.startswith("504"):
        return "504 tells as little of what was done as a lost connection does"
    expected = cell.expected
    if expected.outcome == "DownloadFailed" and expected.creates == 1:
        return "no new report helps where storage cannot be reached"
    ends = expected.outcome in (RIGHT, "Unauthorized", "RateLimited") or "refused" in cell.fault
    follows = cell.operation in ("get_report_status", "download_report")
    if follows and expected.again == 1 and not ends:
        return "a report that the service still has is struck out of the ledger"
    return None


def marked(cell: Cell) -> Any:
    reason = shortfall(cell)
    marks = pytest.mark.xfail(strict=True, reason=reason) if reason else ()
    return pytest.param(cell, marks=marks, id=str(cell))


@pytest.mark.parametrize("cell", [marked(cell) for cell in CELLS])
def test_every_fault_ends_well(cell: Cell) -> None:
    result, expected = run(cell), cell.expected
    assert result.outcome == expected.outcome
    assert result.creates == expected.creates
    assert result.again == expected.again


def facts(text: str) -> list[list[str]]:
    """The tables without what chance and the machine's load may change: requests and time."""
    rows = [line.split("|") for line in text.splitlines() if line.startswith("|")]
    return [[row[n] for n in (1, 2, 3, 6, 7)] for row in rows]


def test_the_page_tells_what_happens() -> None:
    assert facts(PAGE.read_text(encoding="utf-8")) == facts(page())
