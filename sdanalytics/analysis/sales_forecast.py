"""`ExpectedSales`: what groups sell in the long run for what they cost, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdanalytics.analysis.order_evidence import OrderEvidence
from sdanalytics.analysis.ratios import divide
from sdanalytics.analysis.row_groups import BoolArray, FloatArray
from sdanalytics.analysis.shrinkage import AverageValues, GammaRates, shrink_rates, shrink_values


@dataclass(frozen=True)
class ExpectedSales:
    """The long-run sales of groups, with a Gamma distribution.

    Attributes
    ----------
    means, shapes : numpy.ndarray of float64
        By group; missing where nothing is known.
    costs : numpy.ndarray of float64
        The final costs that they are for.
    orders : numpy.ndarray of float64
        The orders that are expected so far, by the groups' rates.
    exposure : numpy.ndarray of float64
        Clicks for CPC, 1,000 viewable impressions for vCPM: by which these orders have come.
    """

    means: FloatArray
    shapes: FloatArray
    costs: FloatArray
    orders: FloatArray
    exposure: FloatArray


def expect_sales(evidence: OrderEvidence) -> ExpectedSales:
    """Return the long-run sales of groups, by rates of orders and average order values."""
    rates = _find_rates(evidence)
    values = _find_values(evidence)
    exposure = evidence.sums["exposure"]
    costs = evidence.sums["cost"]
    orders = rates.means * exposure
    final_orders = rates.means * evidence.sums["final_exposure"]
    means = final_orders * values.means[evidence.campaigns]
    rate_variances = 1 / rates.shapes
    value_variances = values.relative_variances[evidence.campaigns]
    relative_variances = rate_variances + value_variances
    variances = relative_variances * np.square(means)
    sums = evidence.add_up(means)
    variances_of_sums = evidence.add_up(variances)
    return ExpectedSales(
        means=sums,
        shapes=divide(np.square(sums), variances_of_sums),
        costs=evidence.add_up(costs),
        orders=evidence.add_up(orders),
        exposure=evidence.add_up(exposure),
    )


def count_empty_by_chance(evidence: OrderEvidence) -> float:
    """Return how many groups would be without orders if all of a campaign were alike.

    The probability of no order is exp(-expected orders); with dispersion φ it is that of the
    negative binomial distribution whose variance is φ times its mean.
    """
    exposure = evidence.sums["exposure"]
    campaign_orders = evidence.add_up_campaigns("orders")
    campaign_exposure = evidence.add_up_campaigns("exposure")
    rates = divide(campaign_orders, campaign_exposure)
    known_rates = np.nan_to_num(rates)
    orders = known_rates[evidence.campaigns] * exposure
    sums = evidence.add_up(orders)
    expected = np.maximum(sums, 0)  # cancelled orders may be below 0
    excess = evidence.dispersion.value - 1
    factor = 1.0
    if excess:
        factor = np.log1p(excess) / excess
    chances = np.exp(-factor * expected)
    has_exposure = evidence.add_up(exposure) > 0
    return float(chances[has_exposure].sum())


def _find_rates(evidence: OrderEvidence) -> GammaRates:
    """Return the rates of cells, shrunken within their cost type."""
    count = len(evidence.groups)
    means = np.full(count, np.nan)
    shapes = np.full(count, np.nan)
    dispersion = evidence.dispersion.value
    orders = evidence.sums["orders"] / dispersion
    exposure = evidence.sums["exposure"] / dispersion
    for cells in _split(evidence.is_vcpm):
        if exposure[cells].sum() > 0:
            found = shrink_rates(
                orders[cells],
                exposure[cells],
                evidence.campaigns[cells],
            )
            means[cells] = found.means
            shapes[cells] = found.shapes
    return GammaRates(means, shapes)


def _find_values(evidence: OrderEvidence) -> AverageValues:
    """Return the average order values of campaigns, shrunken within their cost type.

    Cost types without orders have the average of all; without any order nothing is known.
    """
    count = evidence.campaign_count
    means = np.full(count, np.nan)
    variances = np.full(count, np.nan)
    orders = evidence.add_up_campaigns("final_orders")
    sales = evidence.add_up_campaigns("sales")
    total = orders.sum()
    if total <= 0:
        return AverageValues(means, variances)
    average_of_all = sales.sum() / total
    for campaigns in _split(evidence.is_vcpm_campaign):
        own_orders = orders[campaigns]
        own_sales = sales[campaigns]
        spread = evidence.spread[campaigns]
        own_total = own_orders.sum()
        average = average_of_all
        if own_total > 0:
            average = own_sales.sum() / own_total
        found = shrink_values(own_orders, own_sales, spread, average)
        means[campaigns] = found.means
        variances[campaigns] = found.relative_variances
    return AverageValues(means, variances)


def _split(is_vcpm: BoolArray) -> list[BoolArray]:
    """Return which entries are of either cost type."""
    return [~is_vcpm, is_vcpm]
