"""Each fault ends with the right data or the right error, and as the documentation says."""

from __future__ import annotations

from functools import cache

import pytest

from tests.resilience.faults.cells import VERSIONS, Cell
from tests.resilience.faults.expectations import CELLS, expected
from tests.resilience.faults.pages import Columns, describe, page_path, parse, render
from tests.resilience.faults.trial import run


@cache
def documented(api: str) -> dict[Cell, Columns]:
    return parse(api, page_path(api).read_text(encoding="utf-8"))


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_each_fault_has_the_expected_outcome(cell: Cell) -> None:
    result = run(cell)
    outcome = expected(cell)
    assert result.outcome == outcome.outcome
    assert result.creates == outcome.creates
    assert result.again == outcome.again
    # Requests and time depend on chance and load.
    assert describe(result)[:2] == documented(cell.api)[cell][:2]


@pytest.mark.parametrize("api", VERSIONS)
def test_the_pages_show_exactly_the_cells(api: str) -> None:
    assert documented(api).keys() == {cell for cell in CELLS if cell.api == api}
    # And no row, title or word besides.
    assert render(api, documented(api)) == page_path(api).read_text(encoding="utf-8")
