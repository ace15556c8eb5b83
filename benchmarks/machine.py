"""The machine and the versions of software, for the page."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Final

PACKAGES: Final = (
    "pandas",
    "pyarrow",
    "numpy",
    "msgspec",
    "isal",
    "duckdb",
    "polars",
    "matplotlib",
    "requests",
)


def machine() -> dict[str, str]:
    """Return processor, memory, system and versions; neither a host name nor a path."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{_memory() / 2**30:.0f} GiB",
        "system": f"{_system()}, Linux {platform.release().partition('-')[0]}",
        "Python": platform.python_version(),
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()
