"""``python -m benchmarks [NAME...] [--quick]``: measure, and write the page and the figure."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from benchmarks import results
from benchmarks.machine import machine
from benchmarks.results import Section

HERE: Final = Path(__file__).parent
NAMES: Final = ("parsing", "store", "frames", "summaries", "many", "profiles")


def main(arguments: Sequence[str] | None = None, home: Path = HERE) -> None:
    """Run the named benchmarks, or all; other sections of the page stay unchanged."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = [name for name in NAMES if find_spec(f"benchmarks.{name}")]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    parser.add_argument("--quick", action="store_true", help="small, and kept apart")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(known):
        parser.error(f"{', '.join(sorted(unknown))} is none of {', '.join(known)}")
    folder = home / ".work" / "quick" if options.quick else home
    for name in options.names or known:
        print(f"{name} ...", file=sys.stderr, flush=True)
        section: Section = import_module(f"benchmarks.{name}").measure(options.quick)
        results.save(folder / "measured", name, section, machine())
        write(folder)


def write(folder: Path) -> None:
    """Write the page and the figure of all measured sections."""
    from benchmarks.figure import draw

    loaded = {name: results.load(folder / "measured", name) for name in NAMES}
    found = {name: section for name, section in loaded.items() if section}
    reasons = {name: import_module(f"benchmarks.{name}").REASON for name in found}
    (folder / "RESULTS.md").write_text(results.page(found, reasons))
    draw({name: section for name, (section, _) in found.items()}, folder / "results.png")
    print(f"wrote {folder / 'RESULTS.md'}", file=sys.stderr)


if __name__ == "__main__":
    main()
