"""Names of sheets as Excel takes them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

MAX_SHEET_NAME: Final = 31
"""The longest name, in units of UTF-16: most emoji have two."""
_FORBIDDEN: Final = re.compile(r"[\[\]:*?/\\\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_TAKEN_BY_EXCEL: Final = "history"
_EMPTY: Final = "sheet"


def name_sheets(titles: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Return a valid name for each sheet, no two alike; capital and small letters are alike.

    Characters that Excel forbids become ``-``, long names are cut, and repeated ones numbered.

    Parameters
    ----------
    titles : iterable of str
        Any texts.
    taken : iterable of str
        Names of other sheets.
    """
    used = {_TAKEN_BY_EXCEL}
    for name in taken:
        used.add(name.casefold())
    names = []
    for title in titles:
        cleaned = _FORBIDDEN.sub("-", title)
        name = _number_name(cleaned, used)
        used.add(name.casefold())
        names.append(name)
    return names


def _number_name(text: str, used: set[str]) -> str:
    """Return the text as a name, with the first number that makes it new."""
    name = _cut_name(text, MAX_SHEET_NAME)
    number = 1
    while name.casefold() in used:
        number += 1
        ending = f" ({number})"
        room = MAX_SHEET_NAME - len(ending)
        name = _cut_name(text, room) + ending
    return name


def _cut_name(text: str, room: int) -> str:
    """Return the beginning of a text that has room, without what may not be at its ends."""
    encoded = text.strip(" '").encode("utf-16-le")
    beginning = encoded[: 2 * room]
    name = beginning.decode("utf-16-le", errors="ignore")  # half an emoji is left out
    return name.strip(" '") or _EMPTY
