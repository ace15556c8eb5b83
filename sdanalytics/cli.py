"""``python -m sdanalytics demo``, ``sandbox`` and ``lab``."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import shlex
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from sdanalytics._version import __version__
from sdanalytics.errors import InvalidRequest, NotConfigured, SDAnalyticsError


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
    lab = commands.add_parser("lab", help="JupyterLab with the stand-in for the service running")
    lab.add_argument("folder", type=Path, nargs="?", default=Path(), help="to open; this one")
    lab.add_argument("--delay", type=float, default=2.0, help="seconds to build a report; 2")
    lab.add_argument("--no-browser", action="store_true", help="only print the address")
    lab.set_defaults(run=_lab)
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
        variables = box.environment | _own_store(Path("sandbox-store"))
        lines += [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        print("\n".join(lines), flush=True)  # noqa: T201
        threading.Event().wait()


def _lab(options: argparse.Namespace) -> None:
    from sdanalytics import sandbox

    if importlib.util.find_spec("jupyterlab") is None:
        raise NotConfigured("JupyterLab is missing: pip install 'sdanalytics[notebook]'")
    if not Path.cwd().joinpath(options.folder).is_dir() or options.folder.is_absolute():
        raise InvalidRequest(f"{options.folder} is no folder below this one")
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={Path.cwd()}"]
    command += [f"--LabApp.default_url=/lab/tree/{options.folder.as_posix()}"]
    command += ["--no-browser"] if options.no_browser else []
    if getattr(os, "geteuid", lambda: 1)() == 0:  # as in containers, where there is no other user
        command.append("--allow-root")
    with tempfile.TemporaryDirectory() as store, sandbox.start(delay=options.delay) as box:
        # Who has an account set up means that one.
        is_set_up = any(name.startswith("SDANALYTICS_") for name in os.environ)
        sandbox_only = box.environment | _own_store(Path(store))
        variables = os.environ | ({} if is_set_up else sandbox_only)
        process = subprocess.Popen(command, env=variables)  # noqa: S603
        while process.poll() is None:
            # JupyterLab hears Ctrl-C, too: it asks before it ends, and the sandbox waits for it.
            with contextlib.suppress(KeyboardInterrupt):
                process.wait()
    if process.returncode:
        raise SDAnalyticsError(f"JupyterLab ended with code {process.returncode}")


def _own_store(folder: Path) -> dict[str, str]:
    """Made-up data belong in no store of real ones."""
    return {"SDANALYTICS_CACHE_DIR": str(folder.absolute())}
