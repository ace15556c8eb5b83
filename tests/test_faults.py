"""Whatever goes wrong, the right data or the right error; see `tests.faults`."""

from __future__ import annotations

import pytest

from tests.faults import CELLS, VERSIONS, Cell, page, page_of, run


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_every_fault_ends_well(cell: Cell) -> None:
    result, expected = run(cell), cell.expected
    assert result.outcome == expected.outcome
    assert result.creates == expected.creates
    assert result.again == expected.again


def facts(text: str) -> list[list[str]]:
    """The tables without what chance and the machine's load may change: requests and time."""
    rows = [line.split("|") for line in text.splitlines() if line.startswith("|")]
    return [[row[n] for n in (1, 2, 3, 6, 7)] for row in rows]


@pytest.mark.parametrize("api", VERSIONS)
def test_the_page_tells_what_happens(api: str) -> None:
    assert facts(page_of(api).read_text(encoding="utf-8")) == facts(page(api))
