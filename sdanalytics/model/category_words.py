"""The spelling of words of fixed categories: one, whatever the service writes.

Versions of the API, the list of campaigns and older reports write the same word in different cases:
``vCPM``, ``vcpm`` and ``VCPM``. Words are spelled in the case of their column when they are parsed,
and when they are read that were stored before. So are words that this release does not know: a
word has one spelling in any case.
"""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

_UPPER_CASE: Final = ("costType", "currency")
_LOWER_CASE: Final = ("campaignStatus", "adKeywordStatus", "bidOptimization")
_TO_UPPER: Final = str.maketrans(ascii_lowercase, ascii_uppercase)
_TO_LOWER: Final = str.maketrans(ascii_uppercase, ascii_lowercase)


def spell_word(column: str, word: str) -> str:
    """Return a word as the values of a column are spelled; of other columns, as it is."""
    if column in _UPPER_CASE:
        return word.translate(_TO_UPPER)
    if column in _LOWER_CASE:
        return word.translate(_TO_LOWER)
    return word


def spell_values(column: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values of a column in its one spelling; those of other columns as they are."""
    if column in _UPPER_CASE:
        return pc.ascii_upper(values)
    if column in _LOWER_CASE:
        return pc.ascii_lower(values)
    return values


def spell_words(table: pa.Table) -> pa.Table:
    """Return a table whose words of fixed categories have their one spelling."""
    for name in (*_UPPER_CASE, *_LOWER_CASE):
        position = table.schema.get_field_index(name)
        if position >= 0:
            values = spell_values(name, table.column(position))
            table = table.set_column(position, name, values)
    return table
