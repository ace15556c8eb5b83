"""Steps: what days had at one age at which they were fetched, and at the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Steps:
    """The steps of days from one age at which they were fetched to the next.

    Attributes
    ----------
    version : numpy.ndarray of int, shape (steps,)
        The position of the version before the step; that after it is the next.
    day, start, end : numpy.ndarray of int, shape (steps,)
        The position of the day, and the ages before and after the step.
    """

    version: Array
    day: Array
    start: Array
    end: Array


@dataclass(frozen=True)
class Spans:
    """The ages of steps: those that lead from the same age to the same age are one span.

    Attributes
    ----------
    position : numpy.ndarray of int, shape (steps,)
        The span of each step.
    start : numpy.ndarray of int, shape (spans,)
        The age before.
    covered : numpy.ndarray of float, shape (spans, ages - 1)
        1 where a span leads from an age to the next one, else 0.
    counts : numpy.ndarray of int, shape (spans,)
        How many steps each is.
    """

    position: Array
    start: Array
    covered: Array
    counts: Array

    @property
    def days(self) -> Array:
        """The steps that lead over each age, shape (ages - 1,)."""
        days: Array = self.counts @ self.covered
        return days.astype(int)

    def add_up(self, values: Array) -> Array:
        """Add up the values of steps, shape (..., spans)."""
        spans = np.arange(len(self.counts))
        is_part = self.position[:, None] == spans
        sums: Array = values @ is_part
        return sums


def find_steps(day: Array, age: Array) -> Steps:
    """Find the steps between the versions of days.

    Parameters
    ----------
    day, age : numpy.ndarray of int, shape (versions,)
        The position of each version's day, and its age; sorted by day and age.
    """
    is_same_day = np.diff(day) == 0
    version = np.flatnonzero(is_same_day)
    return Steps(
        version=version,
        day=day[version],
        start=age[version],
        end=age[version + 1],
    )


def keep_recent_steps(steps: Steps, window: int) -> Steps:
    """Leave out the steps that are not among the most recent days of any of their ages.

    Parameters
    ----------
    steps : Steps
        Of days in the order of the calendar.
    window : int
        The number of days that a factor rests on at most.
    """
    last_age = steps.end.max(initial=0)
    covered = _find_covered_ages(steps.start, steps.end, last_age)
    # From the most recent day on, how many steps lead over each age.
    order = np.argsort(-steps.day, kind="stable")
    covered = covered[order]
    ranks = np.cumsum(covered, axis=0)
    is_recent = covered & (ranks <= window)
    is_kept = is_recent.any(axis=1)
    kept = np.sort(order[is_kept])
    return Steps(
        version=steps.version[kept],
        day=steps.day[kept],
        start=steps.start[kept],
        end=steps.end[kept],
    )


def _find_covered_ages(start: Array, end: Array, last_age: int) -> Array:
    """Return which ages lead to the next one within each step, shape (steps, last_age)."""
    ages = np.arange(last_age)
    has_begun = start[:, None] <= ages
    goes_on = ages < end[:, None]
    covered: Array = has_begun & goes_on
    return covered


def find_spans(steps: Steps, last_age: int) -> Spans:
    """Return the spans of steps.

    Parameters
    ----------
    steps : Steps
    last_age : int
        The age at which numbers are final.
    """
    pairs = np.stack([steps.start, steps.end])
    spans, positions, counts = np.unique(
        pairs,
        axis=1,
        return_inverse=True,
        return_counts=True,
    )
    start, end = spans
    covered = _find_covered_ages(start, end, last_age)
    return Spans(
        position=positions.reshape(-1),
        start=start,
        covered=covered.astype(float),
        counts=counts,
    )
