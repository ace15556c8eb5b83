"""The data of the figure `halo`: a metric by advertised and purchased product, and its totals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.aggregate import aggregate
from sdanalytics.analysis.condense import condense
from sdanalytics.analysis.ratios import divide
from sdanalytics.analysis.row_groups import BoolArray, FloatArray, IntArray
from sdanalytics.analysis.validation import validate_columns
from sdanalytics.errors import InvalidRequest
from sdanalytics.plots.groups import display_name, validate_names, word_others
from sdanalytics.plots.plot_data import prepare, to_float_array
from sdanalytics.plots.titles import word_shown_days

_ADVERTISED: Final = "_advertised"
_PURCHASED: Final = "_purchased"
_HALO: Final = "halo_"
_OTHER_SKU: Final = "OtherSKU"
"""How names of metrics of other products begin and end: without it, they are of all products."""


@dataclass(frozen=True)
class HaloData:
    """The cells of a halo, with rows and columns in one order: the largest products first.

    Attributes
    ----------
    cells : pandas.DataFrame
        One row per advertised and one column per purchased product, both as numbers in the order;
        `others` is the number of all others together. Missing where there are no rows.
    products : list
        ASINs in the order, without the others.
    row_names, column_names : list of str
        Those of the rows and columns of the cells, others included.
    row_totals, column_totals : numpy.ndarray of float
    total : float
    shares : numpy.ndarray of float or None
        Of each row, and of all: the part of all results of an advertised product's ads that is of
        other products.
    """

    cells: pd.DataFrame
    products: list[Any]
    row_names: list[str]
    column_names: list[str]
    row_totals: FloatArray
    column_totals: FloatArray
    total: float
    shares: FloatArray | None

    @property
    def others(self) -> int:
        """The number of all others together."""
        return len(self.products)

    @property
    def is_of_two(self) -> BoolArray:
        """Whether each cell is of one advertised and one purchased product, and not of others."""
        is_row = self.cells.index.to_numpy() < self.others
        is_column = self.cells.columns.to_numpy() < self.others
        of_two: BoolArray = is_row[:, None] & is_column
        return of_two

    @property
    def compared(self) -> FloatArray:
        """The cells of two products, which colours compare; missing for those of others."""
        values = to_float_array(self.cells)
        compared: FloatArray = np.where(self.is_of_two, values, np.nan)
        return compared

    @property
    def is_itself(self) -> BoolArray:
        """Whether the advertised product of each cell is the purchased one."""
        rows = self.cells.index.to_numpy()
        columns = self.cells.columns.to_numpy()
        itself: BoolArray = rows[:, None] == columns
        return itself & self.is_of_two

    @property
    def special_names(self) -> list[str]:
        """The names of rows and columns that are no product's."""
        names = []
        if self.others in self.cells.index:
            names.append(self.row_names[-1])
        if self.others in self.cells.columns:
            names.append(self.column_names[-1])
        return names


def halo_data(
    data: pd.DataFrame,
    metric: str = "halo_sales",
    *,
    n: int = 8,
    names: object = None,
    ads: pd.DataFrame | None = None,
) -> HaloData:
    """Compute what `halo` draws; the arguments are those of the figure."""
    data = prepare(data, [metric], n=n)
    if "otherAsin" not in data:
        raise InvalidRequest(
            "the frame has no column 'otherAsin': halo sales are in the report "
            "fetch_report('asins', ...)"
        )
    validate_columns(data, ["asin"])
    rows = condense(data, [metric], ["asin", "otherAsin"])
    products = _rank_products(rows, metric)[:n]
    rows[_ADVERTISED] = _number_products(rows["asin"], products)
    rows[_PURCHASED] = _number_products(rows["otherAsin"], products)
    totals = aggregate(rows, [metric], [_ADVERTISED, _PURCHASED])
    cells = totals.pivot(index=_ADVERTISED, columns=_PURCHASED, values=metric)
    cells = cells.sort_index().sort_index(axis="columns")
    given = validate_names(names)
    row_totals = _sum_products(rows, metric, _ADVERTISED, cells.index)
    shares = None
    total = float(np.nansum(row_totals))
    if ads is not None:
        whole = _sum_whole(data, ads, metric, products, cells.index)
        halos = np.append(row_totals, total)
        shares = divide(halos, whole)
    return HaloData(
        cells=cells,
        products=products.tolist(),
        row_names=_name_products(rows, "asin", products, cells.index, given),
        column_names=_name_products(rows, "otherAsin", products, cells.columns, given),
        row_totals=row_totals,
        column_totals=_sum_products(rows, metric, _PURCHASED, cells.columns),
        total=total,
        shares=shares,
    )


def _rank_products(rows: pd.DataFrame, metric: str) -> pd.Index[Any]:
    """Return ASINs by the sum of what they sold of others and what others sold of them."""
    sums = []
    for column in ("asin", "otherAsin"):
        totals = aggregate(rows, [metric], column)
        sums.append(totals.set_index(column)[metric])
    both = pd.concat(sums)
    groups = both.groupby(level=0, dropna=False)
    sizes = groups.sum()
    ranked: pd.Index[Any] = sizes.sort_values(ascending=False, kind="stable").index
    return ranked


def _number_products(values: pd.Series[Any], products: pd.Index[Any]) -> IntArray:
    """Return the position of each row's product, that of all others for the rest."""
    numbers: IntArray = products.get_indexer(pd.Index(values))
    return np.where(numbers < 0, len(products), numbers)


def _sum_products(
    rows: pd.DataFrame, metric: str, column: str, numbers: pd.Index[Any]
) -> FloatArray:
    totals = aggregate(rows, [metric], column).set_index(column)[metric]
    return to_float_array(totals.reindex(numbers))


def _name_products(
    rows: pd.DataFrame,
    column: str,
    products: pd.Index[Any],
    numbers: pd.Index[Any],
    given: Mapping[Any, Any],
) -> list[str]:
    """Return the names of products by number, and how many others there are."""
    names = []
    for number in numbers:
        if number == len(products):
            all_products = pd.Index(rows[column].unique())
            others = all_products.difference(products)
            names.append(word_others(len(others)))
            continue
        product = products[number]
        name = given.get(product)
        if name is None:
            name = display_name(product)
        names.append(str(name))
    return names


def whole_metric(metric: str) -> str:
    """Return the metric of all products that a metric of other products is a part of.

    Raises
    ------
    InvalidRequest
        When it is none of other products.
    """
    if metric.startswith(_HALO):
        return metric.removeprefix(_HALO)
    if metric.endswith(_OTHER_SKU):
        return metric.removesuffix(_OTHER_SKU)
    raise InvalidRequest(
        f"ads= tells the share of a metric of other products such as 'halo_sales', got {metric!r}"
    )


def _sum_whole(
    data: pd.DataFrame,
    ads: pd.DataFrame,
    metric: str,
    products: pd.Index[Any],
    numbers: pd.Index[Any],
) -> FloatArray:
    """Return the results of all products for each row, and for all."""
    name = whole_metric(metric)
    frame = prepare(ads, [name])
    validate_columns(frame, ["asin"])
    days = word_shown_days(data)
    other_days = word_shown_days(frame)
    if days != other_days:
        raise InvalidRequest(
            f"ads must be of the same days as the asins, got {other_days or 'none'} "
            f"instead of {days or 'none'}; fetch_report('productAds', ...) with the same dates"
        )
    rows = condense(frame, [name], ["asin"])
    rows[_ADVERTISED] = _number_products(rows["asin"], products)
    sums = _sum_products(rows, name, _ADVERTISED, numbers)
    return np.append(sums, np.nansum(sums))


def tidy_halo(data: pd.DataFrame, metric: str = "halo_sales", **options: object) -> pd.DataFrame:
    """Return the numbers of `halo` as a table: a row per advertised and purchased product.

    ASINs in `asin` and `otherAsin` (missing for all others together), names in `advertised` and
    `purchased`, the metric, and with `ads` the `share` of the advertised product's results.
    """
    table = halo_data(data, metric, **options)  # type: ignore[arg-type]
    values = to_float_array(table.cells)
    rows, columns = np.nonzero(~np.isnan(values))
    row_asins = _list_asins(table, table.cells.index)
    column_asins = _list_asins(table, table.cells.columns)
    row_names = pd.Series(table.row_names, dtype="str")
    column_names = pd.Series(table.column_names, dtype="str")
    drawn = pd.DataFrame(
        {
            "asin": row_asins.take(rows).array,
            "otherAsin": column_asins.take(columns).array,
            "advertised": row_names.take(rows).array,
            "purchased": column_names.take(columns).array,
            metric: values[rows, columns],
        }
    )
    if table.shares is not None:
        drawn["share"] = table.shares[rows]
    return drawn


def _list_asins(table: HaloData, numbers: pd.Index[Any]) -> pd.Series[str]:
    """Return the ASINs of rows or columns, missing for all others together."""
    asins = []
    for number in numbers:
        asin = None
        if number < table.others:
            asin = table.products[number]
        asins.append(asin)
    return pd.Series(asins, dtype="str")
