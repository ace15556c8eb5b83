"""Arithmetic of metrics: share them out and add them up without losing any.

The numbers of a day are made for each ad group, and apportioned among its ads, targets,
matched pages and halo products: every report adds up to every other.
"""

from __future__ import annotations

import random
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

MetricValues = dict[str, int]
"""Additive metrics by name; money in the currency's smallest unit."""

_CONVERSION_METRIC: Final = re.compile(
    r"(\w*ttributed)(Conversions|UnitsOrdered|Sales|Orders)(NewToBrand)?(\d+d)(\w*)"
)


def apportion(values: MetricValues, weights: Sequence[float]) -> list[MetricValues]:
    """Share metrics out, one share for each weight, so that the shares add up to them exactly.

    Orders are shared out by `weights`, and their sales and units with them: no share has sales
    without an order.
    """
    shares = [dict.fromkeys(values, 0) for _ in weights]
    for name, basis in _apportion_order(tuple(values)):
        if values[name] == 0:
            continue
        basis_weights = weights
        if basis is not None:
            basis_weights = [share[basis] for share in shares]
        amounts = _split_integer(values[name], basis_weights)
        for share, amount in zip(shares, amounts, strict=True):
            share[name] = amount
    return shares


class _MetricBasis(NamedTuple):
    """A metric, and the one that it is apportioned by (None: the weights)."""

    name: str
    basis: str | None


@cache
def _apportion_order(names: tuple[str, ...]) -> list[_MetricBasis]:
    """Return the metrics in an order in which each is after its basis."""
    pairs = []
    for name in names:
        basis = _apportion_by(name, names)
        pairs.append(_MetricBasis(name, basis))
    return sorted(pairs, key=_rank)


def _apportion_by(name: str, names: Container[str]) -> str | None:
    """Return the metric, one of `names`, that a metric is apportioned by, or None."""
    match = _CONVERSION_METRIC.fullmatch(name)
    if match is None:
        return None
    prefix, quantity, new_to_brand, window, sku = match.groups()
    basis = f"{prefix}Conversions{window}{sku}"
    if new_to_brand and quantity != "Orders":
        basis = f"{prefix}OrdersNewToBrand{window}"
    elif new_to_brand or quantity == "Conversions":
        basis = f"{prefix}Conversions{window}"
    if basis == name or basis not in names:
        return None
    return basis


def _rank(pair: _MetricBasis) -> int:
    """Return a sort key: a metric is before those that are apportioned by it."""
    if pair.basis is None:
        return 0
    if "NewToBrand" in pair.basis or "SKU" in pair.basis:
        return 2
    return 1


def _split_integer(value: int, weights: Sequence[float]) -> Iterator[int]:
    """Yield integers in proportion to the weights; they add up to `value`."""
    total = sum(weights) or 1
    previous = 0
    cumulative = 0.0
    for weight in weights:
        cumulative += weight
        upper = round(value * cumulative / total)
        yield upper - previous
        previous = upper


def sum_metrics(items: Iterable[MetricValues]) -> MetricValues:
    """Add up metrics by name."""
    total: MetricValues = {}
    for values in items:
        for name, value in values.items():
            total[name] = total.get(name, 0) + value
    return total


def make_weights(key: str, count: int) -> list[float]:
    """Return `count` decreasing weights, always the same for a key."""
    rng = random.Random(key)
    weights = []
    for position in range(count):
        weight = 1.0 / (position + 1) ** 0.8
        weight *= rng.uniform(0.7, 1.3)
        weights.append(weight)
    return weights
