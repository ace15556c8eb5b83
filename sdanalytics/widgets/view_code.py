"""The view of a report as Python: the campaigns chosen, and the period before."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sdanalytics._core.printable import to_printable
from sdanalytics.model.entity_names import CAMPAIGN_ID
from sdanalytics.model.query import ReportQuery
from sdanalytics.widgets.code_generation import format_call
from sdanalytics.widgets.shown_report import find_period_before


def include_period_before(query: ReportQuery) -> ReportQuery:
    """Return a query that begins as many days earlier as it has."""
    before = find_period_before(query.start, query.end)
    return replace(query, start=before.first)


@dataclass(frozen=True)
class ViewCode:
    """The choices beside a report that its code tells.

    Attributes
    ----------
    campaigns : mapping of str to str
        Names of the campaigns that are shown, by id; empty for all.
    is_compared : bool
        Whether the period before is compared.
    by : str or None
        The column that figure and table group by.
    """

    campaigns: Mapping[str, str] = field(default_factory=dict)
    is_compared: bool = False
    by: str | None = None

    def list_lines(self, query: ReportQuery, both: str | None) -> Sequence[str]:
        """Return lines of Python that follow ``df = ...``.

        Parameters
        ----------
        query : ReportQuery
            The one of `df`.
        both : str or None
            The line that fetches it with the period before, if that is compared.
        """
        lines = []
        if self.campaigns:
            lines += self._list_campaigns()
            lines.append(f'shown = df[df["{CAMPAIGN_ID}"].isin(campaigns)]')
        if both is not None:
            lines.append(both)
            if self.campaigns:
                lines.append(f'both = both[both["{CAMPAIGN_ID}"].isin(campaigns)]')
            lines.append(self._compare_call(query))
        return lines

    def _list_campaigns(self) -> list[str]:
        lines = ["campaigns = ["]
        for campaign_id, name in self.campaigns.items():
            lines.append(f"    {campaign_id},  # {to_printable(name)}")
        lines.append("]")
        return lines

    def _compare_call(self, query: ReportQuery) -> str:
        before = find_period_before(query.start, query.end)
        arguments = [
            "both",
            f'("{before.first}", "{before.last}")',
            f'("{query.start}", "{query.end}")',
        ]
        if self.by is not None:
            arguments.append(f"by={json.dumps(self.by)}")
        return format_call("change = sda.compare(", arguments)
