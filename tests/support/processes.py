"""Processes that tests start, without the seconds that imports take.

They are forked from a server that has imported what they need and has done nothing else: no
thread, connection or lock of a test is in them. Where there is no fork, each is a new interpreter.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any, Final

_PRELOADED: Final = [
    "pytest",
    "pandas",
    "pyarrow.parquet",
    "sdanalytics.fetch.entry_points",
    "sdanalytics.sandbox",
]


def _context() -> BaseContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


def start_process(
    function: Callable[..., object], *args: Any, environment: Mapping[str, str]
) -> BaseProcess:
    """Start a process that runs a function of a module, with variables of its own."""
    process: BaseProcess = _context().Process(  # type: ignore[attr-defined]
        target=_run, args=(environment, function, args)
    )
    process.start()
    return process


def process_pool(count: int, environment: Mapping[str, str]) -> ProcessPoolExecutor:
    """Return a pool of processes with these variables."""
    return ProcessPoolExecutor(
        count, mp_context=_context(), initializer=_set_environment, initargs=(environment,)
    )


def _run(
    environment: Mapping[str, str], function: Callable[..., object], args: tuple[Any, ...]
) -> None:
    _set_environment(environment)
    function(*args)


def _set_environment(environment: Mapping[str, str]) -> None:
    """Replace what the server was started with, which is of another test."""
    for name in [name for name in os.environ if name.startswith("SDANALYTICS_")]:
        del os.environ[name]
    os.environ.update(environment)
