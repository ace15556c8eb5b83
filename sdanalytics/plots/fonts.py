"""Fonts that have the characters of a name: campaigns are named in any script."""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

from matplotlib import rcParams
from matplotlib.font_manager import (
    FontEntry,
    FontProperties,
    findfont,
    findSystemFonts,
    fontManager,
    get_font,
)
from matplotlib.text import Text

from sdanalytics._core.user_warnings import warn_user

PREFERRED_FAMILIES: Final = (
    "Noto Sans CJK JP",
    "IPAexGothic",
    "IPAGothic",
    "Hiragino Sans",
    "Yu Gothic",
    "MS Gothic",
    "Noto Sans",
    "Arial Unicode MS",
)
"""Common families for many scripts, which are tried before all other installed ones."""
MISSING_GLYPH: Final = "□"
"""Drawn for a character that no installed font has."""
MIN_READABLE_CHARACTERS: Final = 3
"""Letters and digits that a name needs to be recognized."""
_INVISIBLE_CATEGORIES: Final = ("Cc", "Cf")
"""Unicode's control and format characters."""


def set_font_fallback(text: Text) -> None:
    """Set a text in fonts that have its characters."""
    text.set_fontfamily(font_families_for(text.get_text()))


def font_families_for(text: str) -> list[str]:
    """Return the default font families, and others for the characters that these lack."""
    families = _default_families()
    for character in sorted(set(text)):
        if _any_family_has_glyph(families, character):
            continue
        fallback = _find_family(character)
        if fallback is not None:
            families.append(fallback)
    return families


def drawable_labels(names: Sequence[str]) -> list[str]:
    """Return names as the installed fonts can draw them, no two alike.

    A character that no font has becomes □. A name that is unreadable then is numbered instead,
    and a warning says which number is which name.
    """
    labels: list[str] = []
    numbered: dict[str, str] = {}
    for name in names:
        label = _replace_missing_glyphs(name)
        if _is_unreadable(label):
            label = f"name {len(numbered) + 1}"
            numbered[label] = name
        labels.append(_deduplicate(label, labels))
    if numbered:
        _warn_of_numbered_names(numbered)
    return labels


def _replace_missing_glyphs(name: str) -> str:
    characters = []
    for character in name:
        if unicodedata.category(character) in _INVISIBLE_CATEGORIES:
            continue
        if not _is_drawable(character):
            character = MISSING_GLYPH
        characters.append(character)
    return "".join(characters)


def _is_unreadable(label: str) -> bool:
    if MISSING_GLYPH not in label:
        return False
    readable = [character for character in label if character.isalnum()]
    return len(readable) < MIN_READABLE_CHARACTERS


def _deduplicate(label: str, taken: Sequence[str]) -> str:
    """Append a number to a label that is taken."""
    number = 1
    candidate = label
    while candidate in taken:
        number += 1
        candidate = f"{label} ({number})"
    return candidate


def _warn_of_numbered_names(numbered: Mapping[str, str]) -> None:
    legend = ", ".join(f"{label} = {name}" for label, name in numbered.items())
    warn_user(
        f"no installed font has the letters of these names, so the figure numbers them: "
        f"{legend}. Install one that has them, such as Noto Sans CJK"
    )


def _default_families() -> list[str]:
    return list(rcParams["font.family"])


def _is_drawable(character: str) -> bool:
    if _any_family_has_glyph(_default_families(), character):
        return True
    return _find_family(character) is not None


def _any_family_has_glyph(families: Sequence[str], character: str) -> bool:
    return any(_family_has_glyph(family, character) for family in families)


@cache
def _find_family(character: str) -> str | None:
    """Return an installed family that has a character, or None."""
    paths = _installed_families()
    for family in (*PREFERRED_FAMILIES, *paths):
        if family in paths and _file_has_glyph(paths[family], character):
            return family
    return None


@cache
def _family_has_glyph(family: str, character: str) -> bool:
    """Return whether one of matplotlib's configured families has a character."""
    path = _installed_families().get(family)
    if path is None:
        path = findfont(FontProperties(family=[family]))
    return _file_has_glyph(path, character)


def _file_has_glyph(path: str, character: str) -> bool:
    try:
        glyph = get_font(path).get_char_index(ord(character))
    except (OSError, RuntimeError):  # a broken font file has no glyphs
        return False
    return bool(glyph)


@cache
def _installed_families() -> dict[str, str]:
    """Map each font family to a file: upright and of normal weight if there is one."""
    _register_new_fonts()
    paths = {}
    # The most regular font of a family is last, and replaces the others.
    for font in sorted(fontManager.ttflist, key=_irregularity)[::-1]:
        # The font of last resort has a box for every character.
        if "Last Resort" not in font.name:
            paths[font.name] = font.fname
    return paths


def _irregularity(font: FontEntry) -> tuple[bool, bool]:
    return font.style != "normal", str(font.weight) != "400"


def _register_new_fonts() -> None:
    """Add the fonts that were installed after matplotlib cached its list."""
    known = {font.fname for font in fontManager.ttflist}
    for path in findSystemFonts():
        if path not in known:
            with contextlib.suppress(OSError, RuntimeError):
                fontManager.addfont(path)
