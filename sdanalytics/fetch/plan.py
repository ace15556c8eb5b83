"""What a call would do, without doing it."""

from __future__ import annotations

import html
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from sdanalytics.model.partition import Partition
from sdanalytics.model.query import ReportQuery

if TYPE_CHECKING:
    import pandas as pd

Action = Literal["store", "being built", "create", "gone"]
_ACTIONS: Final[tuple[Action, ...]] = get_args(Action)


@dataclass(frozen=True)
class PlannedPartition:
    """What a call would do about one slice, and why."""

    partition: Partition
    action: Action
    why: str


@dataclass(frozen=True)
class ReportPlan:
    """What `fetch_report` would do with the same parameters, now.

    Attributes
    ----------
    query : ReportQuery
    steps : tuple of Step
        One a slice, a day and tactic, in the order of the frame.
    reports : int
        How many reports would be asked for: in version 3 one brings a month of slices.
    """

    query: ReportQuery
    steps: tuple[PlannedPartition, ...]
    reports: int

    @property
    def being_built(self) -> int:
        """How many have been asked for already, and would be taken up or waited for."""
        return self._count("being built")

    @property
    def from_store(self) -> int:
        """How many come from the store."""
        return self._count("store")

    @property
    def gone(self) -> list[date]:
        """The days that neither the store nor the service has any more."""
        return sorted({step.partition.date for step in self.steps if step.action == "gone"})

    @property
    def slices(self) -> pd.DataFrame:
        """Each slice by itself.

        Returns
        -------
        pandas.DataFrame
            `date` (datetime64[s]), `tactic` (str), `action` (category: ``"store"``,
            ``"being built"``, ``"create"``, ``"gone"``) and `why` (str).
        """
        import numpy as np
        import pandas as pd

        from sdanalytics.model.dtypes import string_array

        days = np.array([step.partition.date for step in self.steps], dtype="datetime64[s]")
        columns: dict[str, Any] = {
            "date": days,
            "tactic": string_array(step.partition.tactic for step in self.steps),
            "action": pd.Categorical([step.action for step in self.steps], list(_ACTIONS)),
            "why": string_array(step.why for step in self.steps),
        }
        return pd.DataFrame(columns)

    def __str__(self) -> str:
        slices = self._count("create")
        told = [f"{slices} to ask for"]
        told[0] += "" if self.reports == slices else f" in {self.reports} reports"
        told += [f"{self.being_built} being built"] if self.being_built else []
        told += [f"{self.from_store} from the store"]
        gone = self.gone
        if gone:
            days = f"{gone[0]}" if len(gone) == 1 else f"{len(gone)} days from {gone[0]}"
            told += [f"{self._count('gone')} that the service no longer has ({days})"]
        count = len(self.steps)
        return f"{self.query}: {count} slice{'s'[: count != 1]}: {', '.join(told)}"

    def __repr__(self) -> str:
        return f"<ReportPlan {self}>"

    def _repr_html_(self) -> str:
        return f'<div class="sdanalytics-plan">{html.escape(str(self))}</div>'

    def _count(self, action: Action) -> int:
        return sum(step.action == action for step in self.steps)
