"""Names of campaigns, products and the like as labels of a figure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple

from matplotlib import rcParams

from sdanalytics.plots.fonts import drawable_labels

MAX_LABEL_WIDTH: Final = 28
"""Widest line of a label, in Latin letters."""
MAX_LINES: Final = 2.6
"""The longest label in lines, which breaks make three; a longer one is cut in the middle."""
_LABEL_TAIL_WIDTH: Final = 10
"""The width of a cut label's end, in Latin letters; half of what there is, if that is less."""
_MAX_MEASURED: Final = 200
"""Characters at either end of a name from which its label is cut."""
_WIDE: Final = ("W", "F")
"""Unicode's classes of characters as wide as two Latin letters."""
_WORDS: Final = re.compile(r"[^\s_|/–—-]+|[\s_|/–—-]+")
"""Words, and what separates them: names by convention are made of parts."""
_PARTS: Final = re.compile(r"[^\s_|/–—-]*[\s_|/–—-]*")
"""Words with what follows them: a label may be broken between these."""


class Labels(NamedTuple):
    """Labels, and what all the names that they stand for share at the beginning and end."""

    texts: list[str]
    prefix: str
    suffix: str

    def describe_shared(self) -> str | None:
        """Say what the labels leave out; None if that is nothing."""
        parts = []
        if self.prefix:
            parts.append(f"begins with “{self.prefix}”")
        if self.suffix:
            parts.append(f"ends with “{self.suffix}”")
        if not parts:
            return None
        return f"each name {' and '.join(parts)}"


def label_names(
    names: Sequence[object],
    special: Sequence[object] = (),
    width: int = MAX_LABEL_WIDTH,
    lines: float = MAX_LINES,
) -> Labels:
    """Return names as they can be drawn, no two alike.

    If one is long, what all share at the beginning and end is left out, in whole words. What is
    left is wrapped, and cut in the middle if it is longer still. Characters that mean something
    to matplotlib are escaped.

    Parameters
    ----------
    names : sequence of object
    special : sequence of object
        Those of them that are no names, such as "12 others": they are not shortened.
    width : int
        The widest line of a label, in Latin letters.
    lines : float
        The longest label, in such lines.
    """
    texts = [_clean_name(name) for name in names]
    proper = []
    for name, text in zip(names, texts, strict=True):
        if name not in special:
            proper.append(text)
    prefix = suffix = ""
    if any(measure_width(text) > width for text in proper):
        prefix, suffix = _find_shared(proper)
    labels = []
    for name, text in zip(names, texts, strict=True):
        if name not in special:
            text = text[len(prefix) : len(text) - len(suffix)]
        labels.append(_shorten(text, int(lines * width)))
    return Labels(
        texts=[_escape(_break_lines(label, width)) for label in drawable_labels(labels)],
        prefix=_escape_formula(prefix.strip()),
        suffix=_escape_formula(suffix.strip()),
    )


def short_labels(names: Sequence[object]) -> list[str]:
    """Return names on a line each, as they can be drawn, no two alike; long ones are cut."""
    shortened = [_shorten(_clean_name(name), MAX_LABEL_WIDTH) for name in names]
    return [_escape(label) for label in drawable_labels(shortened)]


def _clean_name(name: object) -> str:
    words = str(name).split()
    text = " ".join(words) or "(no name)"
    if len(text) > 2 * _MAX_MEASURED:  # each step below measures the rest
        head = text[:_MAX_MEASURED]
        tail = text[-_MAX_MEASURED:]
        text = f"{head}…{tail}"
    return text


def _find_shared(names: Sequence[str]) -> tuple[str, str]:
    """Return what all names begin and end with, in whole words; each keeps a word of its own."""
    if len(names) < 2:
        return "", ""
    words = [_WORDS.findall(name) for name in names]
    limit = min(map(len, words)) - 1
    first = _count_shared(words, limit)
    reversed_words = [row[::-1] for row in words]
    last = _count_shared(reversed_words, limit - first)
    example = words[0]
    prefix = "".join(example[:first])
    suffix = "".join(example[len(example) - last :])
    return prefix, suffix


def _count_shared(words: Sequence[Sequence[str]], limit: int) -> int:
    """Count the words that all rows begin with."""
    for count in range(limit):
        different = {row[count] for row in words}
        if len(different) > 1:
            return count
    return limit


def _break_lines(text: str, width: int) -> str:
    """Break a label after words, and within those that are longer than a line."""
    lines = [""]
    for part in _PARTS.findall(text):
        needed = measure_width(lines[-1] + part.rstrip())
        if needed > width and lines[-1]:
            lines.append("")
        for character in part:
            if measure_width(lines[-1] + character) > width + 1:
                lines.append("")
            lines[-1] += character
    return "\n".join(line.rstrip() for line in lines)


def _shorten(text: str, width: int) -> str:
    if measure_width(text) <= width:
        return text
    tail_width = min(_LABEL_TAIL_WIDTH, width // 2)
    head = text
    tail = ""
    while measure_width(tail) < tail_width:
        tail = head[-1] + tail
        head = head[:-1]
    while measure_width(head) > width - tail_width - 1:
        head = head[:-1]
    return f"{head}…{tail}"


def count_lines(label: str) -> int:
    """Return the number of lines of a label."""
    return label.count("\n") + 1


def measure_width(text: str) -> int:
    """Return the width of a text in Latin letters; East Asian characters count twice."""
    width = len(text)
    for character in text:
        if unicodedata.east_asian_width(character) in _WIDE:
            width += 1
    return width


def _escape(text: str) -> str:
    """Escape a formula's beginning, and a leading _, which hides a legend's entry."""
    text = _escape_formula(text)
    if text.startswith("_"):
        return f" {text}"
    return text


def _escape_formula(text: str) -> str:
    """Escape a $, which may begin a formula."""
    if rcParams["text.parse_math"]:
        return text.replace("$", r"\$")
    return text
