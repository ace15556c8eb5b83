"""The payload of a version 1 report: its parts, and the rows in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sdanalytics.errors import CorruptReport
from sdanalytics.fetch.protocols.row_split import MAX_SHOWN_CHARACTERS, ReportPeriod
from sdanalytics.fetch.protocols.v1_request import (
    CONVERTED_PRODUCT,
    DATE,
    PRODUCT,
    PROMOTED_PRODUCT,
    RELEVANCE,
    field_name,
    list_fields,
    source_columns,
)
from sdanalytics.model.category_words import spell_words
from sdanalytics.model.dtypes import arrow_schema
from sdanalytics.model.rates import RATES
from sdanalytics.parsing.csv_payload import read_csv_payload

_OWN_PRODUCT: Final = "sponsoreddisplay"
_OTHER_PRODUCTS: Final = (
    "sponsoredproducts",
    "sponsoredbrands",
    "sponsoredtelevision",
    "sponsoredtv",
    "amazondsp",
    "dsp",
)
"""Amazon's ad products, in small letters: a filter and a cell spell them in different ways."""
_NO_LETTERS: Final = re.compile("[^a-z]")
_PROMOTED: Final = "promoted"
"""The word for a purchase of the product that was advertised."""


@dataclass(frozen=True)
class DownloadedParts:
    """A report as it was downloaded.

    Attributes
    ----------
    bodies : tuple of bytes
        The payload of each part; none where there are no rows.
    period : ReportPeriod
    fields : tuple of str or None
        Those that the report has by its description; None if it does not say.
    """

    bodies: tuple[bytes, ...]
    period: ReportPeriod
    fields: tuple[str, ...] | None


def read_part_rows(
    payload: DownloadedParts, columns: Sequence[str], required: Sequence[str], max_bytes: int
) -> pa.Table:
    """Parse the parts of a report into a table with `date` and the columns.

    Rows of other ad products are left out, and so are purchases of the advertised product itself,
    which the report of purchased products of the other versions does not have either.

    Parameters
    ----------
    payload : DownloadedParts
    columns : sequence of str
        Names of the catalogue.
    required : sequence of str
        Those that every row must have a value of.
    max_bytes : int
        Bytes that the text of all parts may have.
    """
    schema = arrow_schema(["date", *columns])
    kinds = list_fields(columns)
    required_fields = [field_name(name) for name in required]
    tables = [schema.empty_table()]
    for body in payload.bodies:
        bytes_left = max_bytes - sum(table.nbytes for table in tables)
        rows = read_csv_payload(body, kinds, bytes_left, [DATE, PRODUCT, *required_fields])
        rows = _drop_promoted(_drop_other_products(rows))
        tables.append(_build_columns(rows, columns, schema))
    return spell_words(pa.concat_tables(tables))


def _drop_other_products(rows: pa.Table) -> pa.Table:
    """Return the rows of Sponsored Display; `CorruptReport` for those of an unknown product."""
    products = rows.column(PRODUCT).combine_chunks().dictionary_encode()
    is_own = []
    for word in products.dictionary.to_pylist():
        letters = _NO_LETTERS.sub("", word.lower())
        if letters not in (_OWN_PRODUCT, *_OTHER_PRODUCTS):
            shown = word[:MAX_SHOWN_CHARACTERS]
            raise CorruptReport(
                f"the field {PRODUCT!r} must be Sponsored Display or another product of Amazon's, "
                f"got {shown!r}. Nothing of this report is stored; update sdanalytics",
            )
        is_own.append(letters == _OWN_PRODUCT)
    if all(is_own):
        return rows
    return rows.filter(pa.array(is_own).take(products.indices))


def _drop_promoted(rows: pa.Table) -> pa.Table:
    """Return the rows without purchases of the advertised product itself."""
    if CONVERTED_PRODUCT not in rows.column_names:
        return rows
    is_own_product = pc.equal(rows.column(CONVERTED_PRODUCT), rows.column(PROMOTED_PRODUCT))
    words = pc.utf8_lower(rows.column(RELEVANCE))
    is_promoted = pc.match_substring(words, _PROMOTED).fill_null(False)
    is_left_out = pc.or_(is_own_product.fill_null(False), is_promoted)
    return rows.filter(pc.invert(is_left_out))


def _build_columns(rows: pa.Table, columns: Sequence[str], schema: pa.Schema) -> pa.Table:
    """Return the columns of the catalogue that the fields of rows give."""
    arrays = [rows.column(DATE)]
    for name in columns:
        values = [rows.column(field_name(source)) for source in source_columns(name)]
        array = values[0]
        if name in RATES:
            array = _compute_quotient(*values)
        arrays.append(array)
    return pa.table(arrays, schema=schema)


def _compute_quotient(numerator: pa.ChunkedArray, denominator: pa.ChunkedArray) -> pa.Array:
    """Return a quotient, null where it has none."""
    parts = [_to_floats(numerator), _to_floats(denominator)]
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = parts[0] / parts[1]
    return pa.array(quotient, pa.float64(), mask=~np.isfinite(quotient))


def _to_floats(values: pa.ChunkedArray) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    floats: np.ndarray[tuple[int], np.dtype[np.float64]] = (
        values.cast(pa.float64()).fill_null(float("nan")).to_numpy()
    )
    return floats
