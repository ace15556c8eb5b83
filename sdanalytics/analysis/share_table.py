"""`ShareTable`: a maturity curve as arrays, to be looked up by group, metric and age."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.kpi_definitions import CONVERSION_METRICS
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.row_groups import IntArray, group_rows
from sdanalytics.analysis.validation import validate_columns
from sdanalytics.errors import InvalidRequest

CURVE_LEVEL: Final = 0.8
"""The level of the bounds of a curve."""
MATURITY: Final = "maturity"
"""The entry of a curve's metadata with its keys and the dispersion of its metrics."""
TRAFFIC: Final = frozenset(("impressions", "clicks", "cost"))
"""The metrics of a curve that are no results."""
FROM_SNAPSHOT: Final = "from one snapshot: a change of conversion counts as delay"
"""What must be known about the numbers of a cross-section."""
_SHARES: Final = ("share", "share_low", "share_high")
_COLUMNS: Final = frozenset(("metric", "age", *_SHARES))
_HALO_PREFIX: Final = "halo_"
_FACTS: Final = ("record_type", "source", "profile_id", "currency")
"""Entries of the metadata in which a frame and its curve must agree."""


@dataclass(frozen=True)
class ShareTable:
    """The shares of final numbers that are known at each age.

    Attributes
    ----------
    keys : pandas.DataFrame
        The groups: one row each, as text.
    shares, variances : dict of str to numpy.ndarray of float64, shape (groups + 1, ages)
        By metric, the shares, and the variances of their logarithms, which do not rise with age.
        The last row is of rows of no group.
    own_variances : dict of str to numpy.ndarray of float64, shape (ages,)
        By metric, the variance of a day's final sum by its own draws, by that sum.
    dispersion : dict of str to float
        By metric, the variance of what a day still adds by its expectation, in units of the metric.
    is_from_snapshot : bool
        Whether the curve is a cross-section.
    """

    keys: pd.DataFrame
    shares: dict[str, Any]
    variances: dict[str, Any]
    own_variances: dict[str, Any]
    dispersion: dict[str, float]
    is_from_snapshot: bool

    @property
    def age_count(self) -> int:
        """The number of ages, from 0 on."""
        shares = next(iter(self.shares.values()))
        return int(shares.shape[1])

    def find_groups(self, rows: pd.DataFrame) -> IntArray:
        """Return the number of each row's group; the one behind the last for rows of none."""
        names = self.keys.columns.tolist()
        if not names:
            return np.zeros(len(rows), dtype="int64")
        groups = group_rows(rows, names)
        texts = groups.keys.astype("str")
        numbered = self.keys.assign(_group=np.arange(len(self.keys)))
        found = texts.merge(numbered, on=names, how="left")["_group"]
        numbers = found.fillna(len(self.keys)).to_numpy("int64")
        return numbers[groups.codes]


def parse_curve(curve: object, df: pd.DataFrame) -> ShareTable:
    """Return the table of a curve for a frame.

    Raises
    ------
    InvalidRequest
        When it is no curve, has a share that is not above 0, or is of another report, profile or
        currency than the frame.
    """
    if not isinstance(curve, pd.DataFrame) or not _COLUMNS.issubset(curve.columns):
        kind = type(curve).__name__
        raise InvalidRequest(
            f"final must be a curve of maturity, or True for that of the default cache, got {kind}"
        )
    about = frame_metadata(curve).get(MATURITY)
    if not isinstance(about, Mapping) or curve.empty:
        raise InvalidRequest(
            "the curve must be as maturity returns it, got one without rows or without its "
            "metadata (attrs): call maturity again"
        )
    _ensure_positive(curve)
    _ensure_same_facts(curve, df)
    return _make_table(curve, about)


def is_from_snapshot(curve: pd.DataFrame) -> bool:
    """Return whether a curve is a cross-section, which takes changes of conversion for delay."""
    if "method" not in curve:
        return False
    is_cross_section = curve["method"] == "cross-section"
    return bool(is_cross_section.any())


def find_curve_metric(name: str) -> str:
    """Return the metric whose curve a column follows; empty if there is none."""
    if name in TRAFFIC:
        return name
    if name == "viewImpressions":
        return "impressions"
    for result, columns in CONVERSION_METRICS.items():
        if name == result or name in columns:
            return result.removeprefix(_HALO_PREFIX)
    return ""


def score(level: float) -> float:
    """Return how many standard deviations from the mean a normal interval of a level reaches."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def _ensure_positive(curve: pd.DataFrame) -> None:
    """Raise `InvalidRequest` when numbers cannot be divided by the shares of a curve."""
    for name in _SHARES:
        is_positive = curve[name] > 0
        if not is_positive.all():
            share = curve[name][~is_positive].iloc[0]
            raise InvalidRequest(
                f"the shares of the curve must be above 0, got {name} {share}: call maturity again"
            )


def _ensure_same_facts(curve: pd.DataFrame, df: pd.DataFrame) -> None:
    """Raise `InvalidRequest` when a curve is of another report, profile or currency."""
    of_curve, of_frame = frame_metadata(curve), frame_metadata(df)
    for fact in _FACTS:
        expected, found = of_frame.get(fact), of_curve.get(fact)
        if expected is not None and found is not None and expected != found:
            raise InvalidRequest(
                f"the curve must be of the frame's {fact} {expected!r}, got one of {found!r}: "
                f"make it with maturity({_word_arguments(of_frame)})"
            )


def _word_arguments(metadata: Mapping[str, Any]) -> str:
    arguments = []
    for name in ("record_type", "profile_id", "source"):
        if metadata.get(name) is not None:
            arguments.append(f"{name}={metadata[name]!r}")
    return ", ".join(arguments)


def _make_table(curve: pd.DataFrame, about: Mapping[str, Any]) -> ShareTable:
    by = list(about["by"])
    validate_columns(curve, by)
    texts = curve[by].astype("str")
    groups = group_rows(texts, by)
    bounds = curve[["share_low", "share_high"]].to_numpy()
    low, high = np.log(bounds).T
    reach = score(CURVE_LEVEL)
    deviations = (high - low) / (2 * reach)
    ages = curve["age"].to_numpy("int64")
    reported = curve["share"].to_numpy()
    size = groups.count, int(ages.max()) + 1
    shares, variances = {}, {}
    for metric in curve["metric"].unique().tolist():
        is_metric = curve["metric"] == metric
        rows = np.flatnonzero(is_metric)
        position = groups.codes[rows], ages[rows]
        known = np.ones(size)
        known[position] = reported[rows]
        squares = np.zeros(size)
        squares[position] = np.square(deviations[rows])
        shares[metric] = _append_mean(known)
        variances[metric] = _append_mean(_never_rise(squares))
    own_variances = {}
    for metric, values in about["own_variance"].items():
        own_variances[metric] = np.asarray(values, dtype="float64")
    return ShareTable(
        keys=groups.keys,
        shares=shares,
        variances=variances,
        own_variances=own_variances,
        dispersion=dict(about["dispersion"]),
        is_from_snapshot=is_from_snapshot(curve),
    )


def _never_rise(values: Any) -> Any:
    """Return values that do not rise with age: the largest of each age and those above it."""
    from_last = values[:, ::-1]
    return np.maximum.accumulate(from_last, axis=1)[:, ::-1]


def _append_mean(table: Any) -> Any:
    """Return a table by group and age with the mean of all groups behind the last."""
    mean = table.mean(axis=0, keepdims=True)
    return np.concatenate([table, mean])
