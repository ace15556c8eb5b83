"""Whether a text is CSV to the letter, where Arrow's reader would make the best of it.

Arrow takes ``"12".`` for ``12.``, and does not look at columns that nobody asked for. Of a damaged
payload neither can be told from what was sent.
"""

from __future__ import annotations

import codecs
from typing import Final

import numpy as np

from sdanalytics.errors import CorruptReport

BLOCK_SIZE: Final = 1 << 22
"""Bytes that are checked together."""
_QUOTE: Final = ord('"')
_OUTSIDE: Final = np.isin(np.arange(256), list(b',\r\n"'))
"""The bytes that may be outside of a quote: the ends of cells, and the other one of two quotes."""


def check_csv_syntax(text: bytes) -> None:
    """Raise `CorruptReport` unless a text is UTF-8, and its quotes enclose whole cells.

    Parameters
    ----------
    text : bytes
        It ends with a newline.
    """
    _check_characters(text)
    codes = np.frombuffer(text, np.uint8)
    quote_count = 0
    for start in range(0, len(codes), BLOCK_SIZE):
        block = codes[start : start + BLOCK_SIZE]
        quotes = start + np.flatnonzero(block == _QUOTE)
        is_odd = quote_count % 2
        opening = quotes[is_odd::2]
        closing = quotes[1 - is_odd :: 2]
        # Before the first byte of all is the last one, a newline.
        _check_outside(text, codes, opening, opening - 1)
        _check_outside(text, codes, closing, closing + 1)
        quote_count += len(quotes)
    if quote_count % 2:
        raise _syntax_error("a quote is not closed, as if its end were missing")


def _check_characters(text: bytes) -> None:
    """Raise `CorruptReport` for bytes that are no text."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(text), BLOCK_SIZE):
        block = text[start : start + BLOCK_SIZE]
        try:
            decoder.decode(block)
        except UnicodeDecodeError:
            raise _syntax_error("it is not UTF-8") from None
    if b"\0" in text:
        line = text.count(b"\n", 0, text.index(b"\0")) + 1
        raise _syntax_error(f"line {line:,} has a zero byte")


def _check_outside(
    text: bytes,
    codes: np.ndarray[tuple[int], np.dtype[np.uint8]],
    quotes: np.ndarray[tuple[int], np.dtype[np.intp]],
    neighbours: np.ndarray[tuple[int], np.dtype[np.intp]],
) -> None:
    """Raise `CorruptReport` for the first quote that is neither begin nor end of a cell."""
    is_whole = _OUTSIDE[codes[neighbours]]
    if is_whole.all():
        return
    first = int(quotes[np.argmin(is_whole)])
    line = text.count(b"\n", 0, first) + 1
    raise _syntax_error(f"line {line:,} has a quote within a cell")


def _syntax_error(fault: str) -> CorruptReport:
    return CorruptReport(
        f"the payload is damaged: {fault}. Nothing of this report is stored; call again"
    )
