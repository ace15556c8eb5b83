"""Which fonts have the letters of a name: campaigns are named in any script."""

from __future__ import annotations

import contextlib
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

# Looked at before all other installed fonts: made for these scripts, and common.
_PREFERRED: Final = (
    "Noto Sans CJK JP",
    "IPAexGothic",
    "IPAGothic",
    "Hiragino Sans",
    "Yu Gothic",
    "MS Gothic",
    "Noto Sans",
    "Arial Unicode MS",
)
_ABSENT: Final = "□"
_READABLE: Final = 3
"""So many letters must be left of a name for it to be recognized."""


def font_families_for(text: str) -> list[str]:
    """Font families for a text: the usual one, and others for letters that it lacks."""
    chosen = _usual()
    for letter in sorted(set(text)):
        if not any(_has(name, letter) for name in chosen):
            found = _family_with(letter)
            chosen += [found] if found else []
    return chosen


def drawable_labels(names: Sequence[str]) -> list[str]:
    """The names as they can be drawn, no two alike.

    Letters that no installed font has become □; a name of which nothing readable is left
    is numbered, and a warning tells which is which.
    """
    drawn: list[str] = []
    numbered: dict[str, str] = {}
    for name in names:
        kept = "".join(c for c in name if unicodedata.category(c) not in ("Cc", "Cf"))
        label = "".join(c if _is_drawable(c) else _ABSENT for c in kept)
        if _ABSENT in label and sum(c.isalnum() for c in label) < _READABLE:
            label = f"name {len(numbered) + 1}"
            numbered[label] = name
        drawn.append(_unlike(label, drawn))
    if numbered:
        told = ", ".join(f"{label} = {name}" for label, name in numbered.items())
        warnings.warn(
            f"no installed font has the letters of these names, so the figure numbers them: "
            f"{told}. Install one that has them, such as Noto Sans CJK",
            stacklevel=4,
        )
    return drawn


def _unlike(label: str, others: Iterable[str]) -> str:
    taken, number, result = set(others), 1, label
    while result in taken:
        number += 1
        result = f"{label} ({number})"
    return result


def _usual() -> list[str]:
    from matplotlib import rcParams

    return list(rcParams["font.family"])


def _is_drawable(letter: str) -> bool:
    return any(_has(name, letter) for name in _usual()) or _family_with(letter) is not None


@cache
def _family_with(letter: str) -> str | None:
    """An installed family that has a letter, if there is one."""
    known = _installed()
    ordered = [*(name for name in _PREFERRED if name in known), *known]
    return next((name for name in ordered if _holds(known[name], letter)), None)


@cache
def _has(family: str, letter: str) -> bool:
    """Whether one of matplotlib's configured families has a letter."""
    from matplotlib.font_manager import FontProperties, findfont

    known = _installed()
    path = known.get(family) or findfont(FontProperties(family=[family]))
    return _holds(path, letter)


def _holds(path: str, letter: str) -> bool:
    from matplotlib.font_manager import get_font

    try:
        return bool(get_font(path).get_char_index(ord(letter)))
    except (OSError, RuntimeError):  # a broken font file is no font
        return False


@cache
def _installed() -> dict[str, str]:
    """The file of each font family, upright and of normal weight where there is one."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    known = {font.fname for font in fontManager.ttflist}
    for path in findSystemFonts():
        if path not in known:  # installed after matplotlib made its list
            with contextlib.suppress(OSError, RuntimeError):
                fontManager.addfont(path)
    plain = sorted(fontManager.ttflist, key=lambda f: (f.style != "normal", str(f.weight) != "400"))
    # The font of last resort has a box for every letter there is.
    return {font.name: font.fname for font in reversed(plain) if "Last Resort" not in font.name}
