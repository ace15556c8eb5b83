"""Run the fault matrix and write its pages, ``docs/faults.md`` and those of versions 1 and 3."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from tests.resilience.faults.cells import VERSIONS
from tests.resilience.faults.expectations import CELLS
from tests.resilience.faults.pages import describe, page_path, render
from tests.resilience.faults.trial import run


def main() -> None:
    """Run all cells, as many at a time as there are processors, and write the pages."""
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        found = dict(zip(CELLS, map(describe, pool.map(run, CELLS, chunksize=8)), strict=True))
    for api in VERSIONS:
        page_path(api).write_text(render(api, found), encoding="utf-8")


if __name__ == "__main__":
    main()
