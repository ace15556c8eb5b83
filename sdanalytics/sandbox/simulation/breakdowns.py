"""Break a simulated day down into the rows of a report: which of them there are, and their sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np

from sdanalytics.model.metrics import CATALOGUE, ColumnKind
from sdanalytics.sandbox.simulation.advertisers import AdGroup
from sdanalytics.sandbox.simulation.arrays import Integers, sum_groups
from sdanalytics.sandbox.simulation.cells import Ad, CampaignCells, Target
from sdanalytics.sandbox.simulation.measures import DayMeasures, is_told_of_orders
from sdanalytics.sandbox.simulation.registered import is_registered_metric, registered_share

_POSITIONS: Final = {
    "campaigns": "campaign",
    "invalidTraffic": "campaign",
    "adGroups": "group",
    "productAds": "ad",
    "targets": "target",
}
"""The positions of cells by which a record type tells its rows apart."""
PURCHASED: Final = {
    "asins": "viewAttributedConversions30dOtherSKU",
    "convertedProducts": "viewAttributedConversions30d",
}
"""The orders of which record types of purchased products have rows: version 1 includes those of
the promoted products."""
_HALO_SUFFIX: Final = "14dOtherSKU"
_LISTED: Final = ("addToList", "addToListFromClicks")
"""Who buys another product after a click has put it on a list."""
_WITHOUT_HALO: Final = ("addToListFromViews", "clicks")


class RowKey(NamedTuple):
    """The parts of an account that a row tells of; a campaign's row has its first ad group."""

    group: AdGroup
    ad: Ad
    target: Target
    page: str
    other: str = ""


class RowSet(NamedTuple):
    """Rows of a report, and their metrics by name (money in the currency's smallest unit)."""

    keys: list[RowKey]
    metrics: dict[str, Any]

    def values(self, name: str) -> list[int]:
        """Return a metric of each row."""
        values: list[int] = self.metrics[name].tolist()
        return values

    @classmethod
    def add(cls, parts: Sequence[RowSet], rows: Sequence[Sequence[int]]) -> RowSet:
        """Add up rows of several sets.

        Parameters
        ----------
        parts : sequence of RowSet
            With the same metrics.
        rows : sequence of sequence of int
            Of each part and row, the row of the result that it belongs to.
        """
        keys: dict[int, RowKey] = {}
        for part, positions in zip(parts, rows, strict=True):
            for key, position in zip(part.keys, positions, strict=True):
                keys.setdefault(position, key)
        row = np.array(list(chain.from_iterable(rows)), np.int64)
        metrics = {}
        for name in parts[0].metrics:
            values = np.concatenate([part.metrics[name] for part in parts])
            metrics[name] = sum_groups(row, values, len(keys))
        return cls(list(keys.values()), metrics)

    def select(self, rows: Iterable[int]) -> RowSet:
        """Return some of the rows, by their positions."""
        chosen = np.fromiter(rows, np.int64)
        keys = [self.keys[row] for row in chosen]
        metrics = {}
        for name, values in self.metrics.items():
            metrics[name] = values[chosen]
        return RowSet(keys, metrics)


@dataclass(frozen=True, eq=False)
class _Grouping:
    """The rows of a report before it is known what is in them.

    Attributes
    ----------
    row : array of int
        The row of each cell.
    keys : list of RowKey
    """

    row: Integers
    keys: list[RowKey]


def break_down(
    measures: DayMeasures, record_type: str, segment: str | None, names: Sequence[str]
) -> RowSet:
    """Return the rows of a day's report of all tactics.

    Parameters
    ----------
    measures : DayMeasures
        Of the day; a day that has not begun has no rows.
    record_type : str
    segment : str or None
    names : sequence of str
        The additive metrics to return.
    """
    cells = measures.day.cells
    if measures.age <= 0 or not len(cells):
        return RowSet([], dict.fromkeys(names, np.empty(0, np.int64)))
    if record_type in PURCHASED:
        return _break_down_purchases(measures, PURCHASED[record_type], names)
    grouping = _group_cells(cells, record_type, segment)
    count = len(grouping.keys)
    metrics = {}
    for name in names:
        metrics[name] = sum_groups(grouping.row, measures.by_cell(name), count)
    impressions = sum_groups(grouping.row, measures.impressions(), count)
    rows = RowSet(grouping.keys, metrics)
    if impressions.all():
        return rows
    return rows.select(np.flatnonzero(impressions))


@lru_cache(maxsize=32)
def _group_cells(cells: CampaignCells, record_type: str, segment: str | None) -> _Grouping:
    positions: Integers = getattr(cells, _POSITIONS[record_type])
    if segment:
        # Each part of the account has its own pages: the order is that of the parts.
        page_count = int(cells.page.max()) + 1
        positions = positions * page_count
        positions += cells.page
    _, first, row = np.unique(positions, return_index=True, return_inverse=True)
    keys = [RowKey(*cells.keys[cell]) for cell in first]
    return _Grouping(row, keys)


def _break_down_purchases(measures: DayMeasures, ordered: str, names: Sequence[str]) -> RowSet:
    """Return the purchases by product: a row for each ad and product with an order."""
    cells = measures.day.cells
    orders = measures.orders
    width = cells.halo_bounds.shape[1] + 1
    chosen = np.flatnonzero(measures.by_order(ordered))
    ad = cells.ad[orders.cell[chosen]]
    bought, first, row = np.unique(
        ad * width + orders.other[chosen] + 1, return_index=True, return_inverse=True
    )
    keys = []
    for position, order in zip(bought % width, chosen[first], strict=True):
        cell = orders.cell[order]
        key = RowKey(*cells.keys[cell])
        other = key.ad.asin
        if position:
            other = key.ad.others[position - 1]
        keys.append(key._replace(other=other))
    metrics = {}
    for name in names:
        basis, share = _halo_basis(name)
        values = measures.by_order(basis)[chosen]
        sums = sum_groups(row, values, len(keys))
        metrics[name] = np.round(sums * share).astype(np.int64)
    return RowSet(keys, metrics)


def is_told_of_products(name: str) -> bool:
    """Return whether a metric is known by the product that was bought."""
    return is_told_of_orders(_halo_basis(name)[0])


def _halo_basis(name: str) -> tuple[str, float]:
    """Return the metric of orders that a metric of the halo follows from, and its share of it."""
    orders = f"viewAttributedConversions{_HALO_SUFFIX}"
    if is_registered_metric(name):
        is_money = CATALOGUE[name].kind is ColumnKind.MONEY
        basis = orders
        if is_money:
            basis = f"viewAttributedSales{_HALO_SUFFIX}"
        return basis, registered_share(name)
    if name in _LISTED:
        return f"attributedConversions{_HALO_SUFFIX}", 1.0
    if name in _WITHOUT_HALO:
        return orders, 0.0
    return name, 1.0
