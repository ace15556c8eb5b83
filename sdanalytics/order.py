"""What one report of the service brings: a day and tactic, or a month of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sdanalytics.metrics import report_name
from sdanalytics.query import Slice


@dataclass(frozen=True)
class Order:
    """Slices that come in one report, with the same columns.

    Attributes
    ----------
    pieces : tuple of Slice
        Of one profile, record type and segment; at least one.
    columns : tuple of str
    """

    pieces: tuple[Slice, ...]
    columns: tuple[str, ...]

    def of(self, pieces: Iterable[Slice]) -> Order:
        """The same for some of its slices."""
        return replace(self, pieces=tuple(pieces))

    def __str__(self) -> str:
        first, *others = self.pieces
        if not others:
            return str(first)
        days = sorted({piece.date for piece in self.pieces})
        report = report_name(first.record_type, first.segment)
        return f"{report} {days[0]} to {days[-1]}"
