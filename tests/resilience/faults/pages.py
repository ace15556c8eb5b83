"""The fault matrix as pages of the documentation: each is written, and read back."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from tests.resilience.faults.cells import VERSIONS, Cell
from tests.resilience.faults.expectations import CELLS
from tests.resilience.faults.injection import FAULT_NAMES
from tests.resilience.faults.trial import Result


class Columns(NamedTuple):
    """The columns of a result; requests and time depend on chance and load."""

    outcome: str
    creates: str
    requests: str
    time: str


_INTRO: Final = """\
# Faults, version {number}

Whatever fault occurs between a call and the service, the call ends with the right data or with
an error that names the fault; and no report is requested twice that the service has built and
can deliver. Here each operation of version {number} meets each fault, at a real socket of the
[sandbox](guide/sandbox.md): in one exchange (*once*), or in all of that operation (*for
good*). The other versions have pages of their own: {others}.

A call requests {call}. *Creates*: the largest number of times that the service made one of
them, in that call and (+) after the fault had ended and the call was repeated, which always gives
the right data. {creates} *Without the list*: the rows are right and a warning says that the list
of campaigns could not be read; what it alone has is missing, the tactics of versions 1 and 3 too,
until the next call. *Requests* are those of the operation that arrived. *Time* is of a clock
that jumps over all waits; silence takes none of it (it is borne for 60 seconds, 10 at storage).
`-`: does not apply.

Made by `python -m tests.resilience.faults`; `tests/resilience/test_faults.py` checks the results.
"""
_COLUMNS: Final = ("creates", "requests", "time")
_HEADER: Final = ("fault", "once", *_COLUMNS, "for good", *_COLUMNS)
_NONE: Final = Columns("-", "-", "-", "-")
"""The columns of a cell that does not apply."""
_TIME_LIMITS: Final = {
    8.0: "8 s", 40.0: "40 s", 60.0: "1 min", 120.0: "2 min", 1801.0: "30 min", 10900.0: "3.1 h",
    14401.0: "4 h", 21601.0: "6 h",
}  # fmt: skip


def page_path(api: str) -> Path:
    """Return the path of a version's page in the documentation."""
    return Path(__file__).parents[3] / "docs" / VERSIONS[api].page


def describe(result: Result) -> Columns:
    """Return the columns of a result."""
    creates = f"{result.creates} + {result.again - result.creates}"
    limit = next(text for seconds, text in _TIME_LIMITS.items() if result.seconds < seconds)
    requests = str(result.requests) if result.requests <= 20 else "> 20"  # chance decides
    return Columns(result.outcome, creates, requests, f"< {limit}")


def render(api: str, results: Mapping[Cell, Columns]) -> str:
    """Return the page of a version, from the results of its cells."""
    parts = [_intro(api)]
    for operation, address in VERSIONS[api].operations.items():
        parts += [f"\n## {operation}\n\n{address}\n", *_table(api, operation, results)]
    return "\n".join(parts) + "\n"


def parse(api: str, page: str) -> dict[Cell, Columns]:
    """Return the results that a page shows."""
    results = {}
    for section in page.split("\n## ")[1:]:
        operation, *lines = section.splitlines()
        rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
        for fault, *values in rows[2:]:
            for lasts in (False, True):
                columns = Columns(*values[4 * lasts :][:4])
                if columns != _NONE:
                    results[Cell(api, operation, fault, lasts)] = columns
    return results


def _intro(api: str) -> str:
    version = VERSIONS[api]
    others = [f"[{name[1]}]({VERSIONS[name].page})" for name in sorted(VERSIONS) if name != api]
    text = _INTRO.format(
        number=api[1],
        others=" and ".join(others),
        call=version.call,
        creates=version.creates,
    )
    return "\n\n".join(textwrap.fill(part, 98) for part in text.split("\n\n")) + "\n"


def _table(api: str, operation: str, results: Mapping[Cell, Columns]) -> Iterator[str]:
    yield _table_row(*_HEADER)
    yield _table_row(*["---"] * len(_HEADER))
    known = {cell.fault for cell in CELLS if cell.api == api}
    for fault in filter(known.__contains__, FAULT_NAMES):
        cells = [Cell(api, operation, fault, lasts) for lasts in (False, True)]
        values = [value for cell in cells for value in results.get(cell, _NONE)]
        yield _table_row(fault, *values)


def _table_row(*columns: str) -> str:
    return f"| {' | '.join(columns)} |"
