"""Each fault ends with the right data or the right error; see `tests.resilience.faults`."""

from __future__ import annotations

import pytest

from tests.resilience.faults import CELLS, VERSIONS, Cell, page, page_path, run


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_each_fault_has_the_expected_outcome(cell: Cell) -> None:
    result, expected = run(cell), cell.expected
    assert result.outcome == expected.outcome
    assert result.creates == expected.creates
    assert result.again == expected.again


def stable_cells(text: str) -> list[list[str]]:
    """Return the tables without requests and time, which depend on chance and load."""
    rows = [line.split("|") for line in text.splitlines() if line.startswith("|")]
    return [[row[n] for n in (1, 2, 3, 6, 7)] for row in rows]


@pytest.mark.parametrize("api", VERSIONS)
def test_the_page_is_up_to_date(api: str) -> None:
    assert stable_cells(page_path(api).read_text(encoding="utf-8")) == stable_cells(page(api))
