"""The table behind the figure `maturity`: the share that is known, by age and group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.share_table import is_from_snapshot
from sdanalytics.errors import InvalidRequest
from sdanalytics.plots.plot_data import FloatArray, to_float_array

MATURE_SHARE: Final = 0.9
"""The share from which on a number is called mature."""
_MAX_DISTANCE: Final = 1 - MATURE_SHARE + 1e-9
"""Of a mature share from 1, below or above; the last digits of 0.9 do not matter."""
_DEFAULT_METRIC: Final = "orders"
_REQUIRED_COLUMNS: Final = ("metric", "age", "share", "share_low", "share_high", "method")
_MEASURES: Final = (*_REQUIRED_COLUMNS, "days")
"""The columns of a curve that are not those of its groups."""
_HINT: Final = "pass the frame that maturity() returns, such as sda.maturity()"


@dataclass(frozen=True)
class MaturityLine:
    """The curve of a group.

    Attributes
    ----------
    name : str
        The values of the group's columns; the metric if there is one group only, without columns.
    ages, shares, low, high : numpy.ndarray of float
    """

    name: str
    ages: FloatArray
    shares: FloatArray
    low: FloatArray
    high: FloatArray

    @property
    def mature_position(self) -> int | None:
        """The position of the first age from which on the number stays within 10 % of the final.

        None when it is not so at the last age.
        """
        distances = np.abs(self.shares - 1)
        immature = np.flatnonzero(distances > _MAX_DISTANCE)
        if not len(immature):
            return 0
        position = int(immature[-1]) + 1
        if position < len(distances):
            return position
        return None


@dataclass(frozen=True)
class MaturityData:
    """The lines of a figure of maturity.

    Attributes
    ----------
    metric : str
    lines : list of MaturityLine
        In the order of the curve.
    has_rows : bool
        Whether the curve has rows of the metric, if only without shares.
    is_cross_section : bool
        Whether any of it is estimated from one snapshot.
    """

    metric: str
    lines: list[MaturityLine]
    has_rows: bool
    is_cross_section: bool


def maturity_data(curve: object, metric: object) -> MaturityData:
    """Return the lines of a metric, one for each group of a curve."""
    frame = _validate_curve_frame(curve)
    name = _choose_metric(frame, metric)
    is_of_metric = frame["metric"] == name
    rows = frame[is_of_metric]
    keys = _list_group_columns(frame)
    _validate_ages(rows, keys)
    is_known = rows["share"].notna()
    return MaturityData(
        metric=name,
        lines=_collect_lines(rows[is_known], keys, name),
        has_rows=not rows.empty,
        is_cross_section=is_from_snapshot(rows),
    )


def _validate_curve_frame(curve: object) -> pd.DataFrame:
    if not isinstance(curve, pd.DataFrame):
        raise InvalidRequest(f"curve must be a DataFrame, got {type(curve).__name__}: {_HINT}")
    for name in _REQUIRED_COLUMNS:
        if name not in curve:
            raise InvalidRequest(
                f"curve must be a curve of maturity, got a frame without {name!r}: {_HINT}"
            )
    return curve


def _choose_metric(frame: pd.DataFrame, metric: object) -> str:
    """Return the metric to draw: by default orders, or else the first that the curve has."""
    names = frame["metric"].unique().tolist()
    if not names or (metric is None and _DEFAULT_METRIC in names):
        return _DEFAULT_METRIC
    if metric is None:
        return str(names[0])
    if metric not in names:
        listed = ", ".join(names)
        raise InvalidRequest(
            f"metric must be one of the curve's, got {metric!r}: it has {listed}. "
            "A ratio has no maturity of its own: draw that of its parts"
        )
    return str(metric)


def _list_group_columns(frame: pd.DataFrame) -> list[str]:
    """Return the columns whose values make groups: all that are no measures."""
    names = []
    for name in frame.columns:
        if name not in _MEASURES:
            names.append(str(name))
    return names


def _validate_ages(rows: pd.DataFrame, keys: list[str]) -> None:
    is_repeated = rows.duplicated([*keys, "age"])
    if is_repeated.any():
        raise InvalidRequest(f"curve must have each age of a group once, got some twice: {_HINT}")


def _collect_lines(rows: pd.DataFrame, keys: list[str], metric: str) -> list[MaturityLine]:
    """Return the line of each group, in the order of the rows."""
    if rows.empty:
        return []
    if not keys:
        return [_make_line(metric, rows)]
    lines = []
    groups = rows.groupby(keys, sort=False, observed=True, dropna=False)
    for values, group in groups:
        name = _name_group(values)
        line = _make_line(name, group)
        lines.append(line)
    return lines


def _make_line(name: str, rows: pd.DataFrame) -> MaturityLine:
    rows = rows.sort_values("age")
    return MaturityLine(
        name=name,
        ages=to_float_array(rows["age"]),
        shares=to_float_array(rows["share"]),
        low=to_float_array(rows["share_low"]),
        high=to_float_array(rows["share_high"]),
    )


def _name_group(values: tuple[Any, ...]) -> str:
    names = []
    for value in values:
        name = "(none)"
        if not pd.isna(value):
            name = str(value)
        names.append(name)
    return ", ".join(names)


def tidy_maturity(curve: pd.DataFrame, metric: str | None = None) -> pd.DataFrame:
    """Return the lines of `maturity` as a table: `name`, `age`, `share`, and its bounds."""
    columns = ["name", "age", "share", "share_low", "share_high"]
    tables = []
    for line in maturity_data(curve, metric).lines:
        table = pd.DataFrame(
            {
                "name": line.name,
                "age": line.ages,
                "share": line.shares,
                "share_low": line.low,
                "share_high": line.high,
            }
        )
        tables.append(table)
    if not tables:
        return pd.DataFrame(columns=columns)
    return pd.concat(tables, ignore_index=True)
