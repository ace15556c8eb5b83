"""``python -m sdanalytics demo`` and ``python -m sdanalytics sandbox``."""

from __future__ import annotations

import argparse
import shlex
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from sdanalytics import __version__
from sdanalytics.errors import SDAnalyticsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the process's exit code."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except SDAnalyticsError as error:
        print(f"sdanalytics: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sdanalytics", description="Try sdanalytics.")
    parser.add_argument("--version", action="version", version=f"sdanalytics {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    demo = commands.add_parser("demo", help="the main job, with no account")
    demo.add_argument(
        "--output", type=Path, default=Path("demo-output"), help="folder to write to; demo-output"
    )
    demo.add_argument("--delay", type=float, default=2.0, help="seconds to build a report; 2")
    demo.set_defaults(run=_demo)
    box = commands.add_parser("sandbox", help="serve the stand-in for the service")
    box.add_argument("--port", type=int, default=8080, help="where it listens; 8080, 0: any free")
    box.add_argument("--delay", type=float, default=2.0, help="seconds to build a report; 2")
    box.add_argument("--queue-limit", type=int, help="reports built at a time; above it: 429")
    box.add_argument("--rate-limit", type=float, help="requests a second of an operation")
    box.set_defaults(run=_sandbox)
    return parser


def _demo(options: argparse.Namespace) -> None:
    from sdanalytics.demo import run

    run(options.output, options.delay)


def _sandbox(options: argparse.Namespace) -> None:
    from sdanalytics import sandbox

    with sandbox.start(
        options.port,
        delay=options.delay,
        queue_limit=options.queue_limit,
        rate_limit=options.rate_limit,
    ) as box:
        profiles = ", ".join(map(str, box.profile_ids))
        lines = [f"# The sandbox serves {box.base_url} until Ctrl-C. Profiles: {profiles}."]
        # Made-up data belong in no store of real ones.
        variables = box.environment | {
            "SDANALYTICS_CACHE_DIR": str(Path("sandbox-store").absolute())
        }
        lines += [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        print("\n".join(lines), flush=True)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
