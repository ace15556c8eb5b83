"""Texts of others on one line, without characters that a terminal or a log acts upon."""

from __future__ import annotations

import re
from typing import Final

_LINE_BREAK: Final = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters: terminals begin commands with some, and others turn the direction."""


def to_printable(text: str) -> str:
    r"""Return a text on one line, its control characters escaped (``\x1b``)."""
    line = _LINE_BREAK.sub(" ", text)
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), line)
