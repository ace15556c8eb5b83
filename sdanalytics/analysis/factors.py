"""Metrics as products of factors, such as sales = impressions x CTR x CVR x AOV.

Which factors there are depends on the cost type: a CPC campaign pays for clicks and counts orders
after a click, a vCPM campaign pays for viewable impressions and counts orders after a view. So the
two are explained apart. Of a ratio, the `share` of a cost type is a factor, too: ACOS is the sum of
each cost type's share of the sales times its own ACOS.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sdanalytics.analysis.kpi_definitions import KPIS
from sdanalytics.analysis.ratios import look_up_ratio
from sdanalytics.errors import InvalidRequest

SHARE: Final = "share"
"""The factor that is a cost type's share of a ratio's denominator."""


class Factor(NamedTuple):
    """A sum, or a ratio of two, that a metric is multiplied by, or divided by (`power` -1)."""

    name: str
    numerator: str
    denominator: str | None = None
    power: int = 1

    @property
    def scale(self) -> int:
        """The number that the ratio is multiplied by."""
        if self.name in KPIS:
            return KPIS[self.name].factor
        return 1

    def invert(self) -> Factor:
        """Return the factor that a metric is divided by instead."""
        return self._replace(power=-1)


_IMPRESSIONS: Final = Factor("impressions", "impressions")
_CLICKS: Final = Factor("clicks", "clicks")
_VIEWS: Final = Factor("viewImpressions", "viewImpressions")
_CTR: Final = Factor("ctr", "clicks", "impressions")
_CPC: Final = Factor("cpc", "cost", "clicks")
_CVR: Final = Factor("cvr", "orders", "clicks")
_VCPM: Final = Factor("vcpm", "cost", "viewImpressions")
_PURCHASE_RATE: Final = Factor("purchase_rate", "orders", "viewImpressions")
_AOV: Final = Factor("aov", "sales", "orders")

_BY_COST_TYPE: Final = {
    "CPC": {
        "clicks": (_IMPRESSIONS, _CTR),
        "cost": (_CLICKS, _CPC),
        "orders": (_IMPRESSIONS, _CTR, _CVR),
        "sales": (_IMPRESSIONS, _CTR, _CVR, _AOV),
        "cpa": (_CPC, _CVR.invert()),
        "acos": (_CPC, _CVR.invert(), _AOV.invert()),
        "roas": (_CPC.invert(), _CVR, _AOV),
    },
    "VCPM": {
        "clicks": (_IMPRESSIONS, _CTR),
        "cost": (_VIEWS, _VCPM),
        "orders": (_VIEWS, _PURCHASE_RATE),
        "sales": (_VIEWS, _PURCHASE_RATE, _AOV),
        "cpa": (_VCPM, _PURCHASE_RATE.invert()),
        "acos": (_VCPM, _PURCHASE_RATE.invert(), _AOV.invert()),
        "roas": (_VCPM.invert(), _PURCHASE_RATE, _AOV),
    },
}


def list_factors(metric: str, cost_type: str) -> Sequence[Factor]:
    """Return the factors of a metric in the order in which a shopper meets them.

    Raises
    ------
    InvalidRequest
        When the metric is no product of factors.
    """
    by_metric = _BY_COST_TYPE[cost_type]
    if metric not in by_metric:
        names = ", ".join(by_metric)
        raise InvalidRequest(
            f"{metric} has no factors: explain it by a column (by='campaignName'), or take one of "
            f"{names}"
        )
    return by_metric[metric]


def list_factor_columns(metric: str) -> list[str]:
    """Return the columns whose sums the factors of a metric are made of, of all cost types."""
    columns: list[str] = []
    for cost_type in _BY_COST_TYPE:
        columns += list_needed_columns(metric, cost_type)
    return list(dict.fromkeys(columns))


def list_needed_columns(metric: str, cost_type: str) -> list[str]:
    """Return the columns whose sums a metric and its factors are made of, each once."""
    columns = []
    ratio = look_up_ratio(metric)
    if ratio is not None:
        columns += [ratio.numerator, ratio.denominator]
    for factor in list_factors(metric, cost_type):
        columns.append(factor.numerator)
        if factor.denominator is not None:
            columns.append(factor.denominator)
    return list(dict.fromkeys(columns))
