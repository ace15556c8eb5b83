"""Results of benchmarks: kept as JSON, a file a section, and written as one page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Goal:
    """A goal, and the measured value."""

    title: str
    wanted: str
    measured: str
    is_met: bool


@dataclass(frozen=True)
class Section:
    """The results of a benchmark: text, a table (a dict a row, with the same keys), and goals."""

    title: str
    text: str
    rows: list[dict[str, object]]
    goals: list[Goal]


def save(folder: Path, name: str, section: Section, machine: Mapping[str, str]) -> None:
    """Save a section, and the machine it was measured on."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {"machine": dict(machine), **asdict(section)}
    (folder / f"{name}.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def load(folder: Path, name: str) -> tuple[Section, dict[str, str]] | None:
    """Return a section and its machine, or None if it was never measured."""
    try:
        document: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    except FileNotFoundError:
        return None
    machine = document.pop("machine")
    return Section(**document | {"goals": [Goal(**goal) for goal in document["goals"]]}), machine


def table(rows: Iterable[Mapping[str, object]]) -> str:
    """Return rows as a Markdown table; numbers are right-aligned, with three significant digits."""
    rows = list(rows)
    if not rows:
        return ""
    names = list(rows[0])
    right = [any(isinstance(row[name], int | float) for row in rows) for name in names]
    lines = [names, ["--:" if is_number else "---" for is_number in right]]
    lines += [[cell(row[name]) for name in names] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(value: object) -> str:
    """Return a value as the text of a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{float(f'{value:.3g}'):,.10g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def page(found: Mapping[str, tuple[Section, Mapping[str, str]]], reasons: Mapping[str, str]) -> str:
    """Return the page of all sections, with the goals on top.

    `reasons` explains for each section why goals may be out of reach.
    """
    goals = [goal for section, _ in found.values() for goal in section.goals]
    shown = [
        {"goal": g.title, "wanted": g.wanted, "measured": g.measured, "met": g.is_met}
        for g in goals
    ]
    met = sum(goal.is_met for goal in goals)
    parts = [
        "# What was measured\n",
        "Made by `make bench`; do not edit. Times are medians of runs that take turns, so that\n"
        "what else the machine does meets all alike; read the ratios.\n",
        f"{met} of {len(goals)} goals met.\n",
        table(shown),
        "![Times and memory side by side](results.png)\n",
        *(_section_page(section, reasons.get(name, "")) for name, (section, _) in found.items()),
        _machines({name: machine for name, (_, machine) in found.items()}),
    ]
    return "\n".join(parts)


def _section_page(section: Section, reason: str) -> str:
    parts = [f"## {section.title}\n", f"{section.text.strip()}\n", table(section.rows)]
    if not all(goal.is_met for goal in section.goals):
        parts.append(f"### Why not all is reached\n\n{reason.strip()}\n")
    return "\n".join(parts)


def _machines(machines: Mapping[str, Mapping[str, str]]) -> str:
    """Return the machine of each section; once, where they are the same."""
    names: dict[str, list[str]] = {}
    for name, machine in machines.items():
        lines = "".join(f"- {label}: {value}\n" for label, value in machine.items())
        names.setdefault(lines, []).append(name)
    blocks = [f"{', '.join(sections)}:\n\n{lines}" for lines, sections in names.items()]
    return "\n".join(["## The machine\n", *blocks])
