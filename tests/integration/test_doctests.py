"""The examples in docstrings run as printed."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import sdanalytics


def find_examples() -> Iterator[doctest.DocTest]:
    """Yield the docstrings with examples of all modules that can be imported anywhere."""
    modules = pkgutil.walk_packages(sdanalytics.__path__, "sdanalytics.")
    names = [module.name for module in modules if not module.name.endswith("__main__")]
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in ["sdanalytics", *names]:
        module = importlib.import_module(name)
        for example in finder.find(module, name):
            if example.examples:
                yield example


EXAMPLES = list(find_examples())


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_examples_print_what_they_say(
    example: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    printed: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    results = runner.run(example, out=printed.append)
    assert results.attempted == len(example.examples)
    assert not results.failed, "".join(printed)
