"""The package as its users get it: built, and installed where the checkout is not to be seen.

Nothing comes from the network: dependencies are those of the environment that runs the tests.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


class BuiltPackage(NamedTuple):
    """What goes to the package index."""

    sdist: Path
    wheel: Path


def build_package(folder: Path) -> BuiltPackage:
    """Build the source distribution from the checkout, and the wheel from that."""
    run_build(ROOT, folder)
    return BuiltPackage(next(folder.glob("*.tar.gz")), next(folder.glob("*.whl")))


def run_build(source: Path, folder: Path, *options: str) -> None:
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), *options]
    subprocess.run([*command, str(source)], check=True, capture_output=True)


class UserEnvironment:
    """A virtual environment in which only a wheel is installed.

    Attributes
    ----------
    python : pathlib.Path
        Its interpreter.
    scripts : pathlib.Path
        The folder of its commands.
    """

    def __init__(self, folder: Path, wheel: Path) -> None:
        venv.create(folder, with_pip=False)
        variables = {"base": str(folder), "platbase": str(folder)}
        self._packages = Path(sysconfig.get_path("purelib", vars=variables))
        self.scripts = Path(sysconfig.get_path("scripts", vars=variables))
        self.python = self.scripts / "python"
        command = [sys.executable, "-m", "pip", "--python", str(self.python), "install"]
        command += ["--quiet", "--no-deps", "--no-index", str(wheel)]
        subprocess.run(command, check=True)

    def see_everything(self) -> None:
        """Make everything that is installed for the tests importable."""
        path = self._packages / "everything.pth"
        path.write_text(sysconfig.get_path("purelib"), encoding="utf-8")

    def see_dependencies(self) -> None:
        """Make what the wheel requires importable, extras left out, and nothing else."""
        (installed,) = metadata.distributions(path=[str(self._packages)])
        for distribution in required_distributions(installed):
            for name in top_level_names(distribution):
                link = self._packages / name
                if not link.exists():
                    link.symlink_to(Path(str(distribution.locate_file(name))))


def required_distributions(distribution: metadata.Distribution) -> list[metadata.Distribution]:
    """Return what a distribution requires without extras, and what that requires, and so on."""
    found: dict[str, metadata.Distribution] = {}
    waiting = list(required_names(distribution))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = metadata.distribution(name)
            waiting += required_names(found[name])
    return list(found.values())


def required_names(distribution: metadata.Distribution) -> Iterator[str]:
    for line in distribution.requires or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name


def top_level_names(distribution: metadata.Distribution) -> set[str]:
    """Return the files and folders in site-packages that belong to a distribution."""
    names = {file.parts[0] for file in distribution.files or []}
    return names - {"..", "__pycache__"}
