"""Invalid traffic: clicks and impressions of no shopper, which are taken out of the reports.

The gross numbers of a day are known when it ends. Some invalid clicks are in the reports until they
are found, within three days; the others, and all invalid impressions, never are.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from sdanalytics.sandbox.simulation.arrays import Flags, Integers, Numbers

_DAYS_TO_FIND: Final = 3.0
"""Days after which all invalid clicks have been taken out."""
LATE_SHARE: Final = 0.03
"""Invalid clicks that are in reports at first, by valid clicks."""


class InvalidShares(NamedTuple):
    """Invalid clicks and impressions of a campaign that are in no report, by its valid ones."""

    clicks: float
    impressions: float


@dataclass(frozen=True)
class LateClicks:
    """Invalid clicks that are in the reports until they are found.

    Attributes
    ----------
    cell : array of int
        The cell of each click.
    clicked, found : array of float
        When, in days since the day began.
    """

    cell: Integers
    clicked: Numbers
    found: Numbers

    def have_occurred(self, age: float) -> Flags:
        """Return which clicks had happened `age` days after the day began."""
        return self.clicked <= age

    def are_reported(self, age: float) -> Flags:
        """Return which clicks are in a report `age` days after the day began."""
        return (self.clicked <= age) & (age < self.found)


def draw_late_clicks(counts: Integers, stop: Numbers, generator: np.random.Generator) -> LateClicks:
    """Draw when invalid clicks happened and when they were found.

    Parameters
    ----------
    counts : array of int
        Of each cell.
    stop : array of float
        When the campaign of each cell stopped, as a part of the day.
    generator : numpy.random.Generator
    """
    cell = np.repeat(np.arange(len(counts)), counts)
    clicked = stop[cell] * generator.random(len(cell))
    found = clicked + (_DAYS_TO_FIND - clicked) * generator.random(len(cell))
    return LateClicks(cell, clicked, found)


def invalid_shares(campaign_name: str) -> InvalidShares:
    """Return the shares of a campaign, always the same for a name."""
    rng = random.Random(f"invalid/{campaign_name}")
    return InvalidShares(
        clicks=rng.uniform(0.005, 0.02),
        impressions=rng.uniform(0.01, 0.03),
    )
