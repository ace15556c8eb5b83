"""Whether it is good that a metric rises."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Direction: TypeAlias = Literal[-1, 0, 1]
"""The sign of changes that are good; 0 where it depends."""

_RISE_IS_GOOD: Final = (
    "sales", "orders", "units", "roas", "click_roas", "cvr", "ctr", "purchase_rate", "aov",
    "ntb_orders", "ntb_sales", "halo_sales", "halo_orders", "halo_units", "page_views",
)  # fmt: skip
_RISE_IS_BAD: Final = ("acos", "cpa", "cpc", "vcpm", "ntb_cpa")


def find_direction(metric: str) -> Direction:
    """Return the sign of changes of a metric that are good."""
    if metric in _RISE_IS_GOOD:
        return 1
    if metric in _RISE_IS_BAD:
        return -1
    return 0
