"""The ends of rows in a block of JSON text: guessed from the text, or found by its brackets."""

from __future__ import annotations

import re
from collections import deque
from typing import Final, NamedTuple

import numpy as np

# The end of a row and the beginning of the next. Inside a string its quote could only be
# the closing one, and then be followed by one of `,:}]` or white space.
_ROW_BOUNDARY: Final = re.compile(rb'\}[ \t\n\r]*,[ \t\n\r]*\{[ \t\n\r]*"[^,:}\]\s]')
_TAIL_BYTES: Final = 1 << 13
"""Bytes at the end of a block that most often hold a boundary."""

# How many brackets more are open behind a byte than before it.
_DEPTH_DELTA: Final = np.zeros(256, np.int8)
_DEPTH_DELTA[list(b"[{")] = 1
_DEPTH_DELTA[list(b"]}")] = -1


class RowBoundary(NamedTuple):
    """The end of a row, with another one behind it.

    Attributes
    ----------
    end : int
        The position behind the closing bracket of the row.
    next_start : int
        The position of the opening bracket of the next row.
    """

    end: int
    next_start: int


def find_last_row_boundary(block: bytes) -> RowBoundary | None:
    """Guess where the last row ends that another one follows.

    The guess may be wrong: a field that nobody requested may hold rows of its own.
    """
    tail_start = max(0, len(block) - _TAIL_BYTES)
    for search_start in (tail_start, 0):
        matches = _ROW_BOUNDARY.finditer(block, search_start)
        last_match = deque(matches, maxlen=1)
        if last_match:
            closing_bracket = last_match[0].start()
            next_start = block.index(b"{", closing_bracket)
            return RowBoundary(closing_bracket + 1, next_start)
    return None


class BracketTracker:
    """Follows strings and brackets, block by block, to where rows end."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def last_row_end(self, block: bytes) -> int | None:
        """Return the position behind the last row that ends in the block, if one does."""
        plain_block = self._blank_escapes(block)
        text = np.frombuffer(plain_block, np.uint8)
        is_quote = text == ord('"')
        in_string = np.logical_xor.accumulate(is_quote)
        in_string ^= self._in_string
        delta = _DEPTH_DELTA[text]
        delta[in_string] = 0
        depth = np.cumsum(delta, dtype=np.int32)
        depth += self._depth
        is_bracket = text == ord("}")
        is_end = is_bracket & (depth == 1)
        is_end &= ~in_string
        ends = np.flatnonzero(is_end)
        self._in_string = bool(in_string[-1])
        self._depth = int(depth[-1])
        if not len(ends):
            return None
        return int(ends[-1]) + 1

    def _blank_escapes(self, block: bytes) -> bytes:
        """Return the block, as long as before, without the quotes that end no string."""
        if self._escaped:
            block = b" " + block[1:]
        block = block.replace(rb"\\", b"  ")
        block = block.replace(rb"\"", b"  ")
        self._escaped = block.endswith(b"\\")
        return block
