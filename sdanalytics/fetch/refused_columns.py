"""Columns that the service refuses: reports are requested without those that nobody named.

One column that the service does not accept fails the whole report. A default metric is left out
then, and so is one that is requested only because it is stored; a metric that the user named, or a
column that identifies rows, is an error.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Sequence
from typing import Final, NoReturn

from sdanalytics.errors import ApiError, SDAnalyticsError
from sdanalytics.model.metrics import CAMPAIGN_FACTS
from sdanalytics.model.query import ReportQuery

_ADVICE_METRIC: Final = "leave it out of metrics="
_ADVICE_IDENTITY: Final = "it identifies the rows and cannot be left out; update sdanalytics"


class ColumnsRefused(Exception):
    """Columns were refused that may be left out: the report is to be requested without them."""


class RefusedColumns:
    """The columns that the service has refused in one call.

    Parameters
    ----------
    query : ReportQuery
    absent : collection of str, optional
        Columns that the version of the API does not have, which are not requested from it.
    """

    def __init__(self, query: ReportQuery, absent: Collection[str] = ()) -> None:
        self._query = query
        self._names: set[str] = set(absent)
        self._left_out: set[str] = set()
        self._error: SDAnalyticsError | None = None

    @property
    def left_out(self) -> frozenset[str]:
        """The columns that a report was requested without."""
        return frozenset(self._left_out)

    def confirm(self) -> None:
        """Record that a report was requested without the columns refused so far."""
        self._left_out |= self._names

    def is_required(self, name: str) -> bool:
        """Return whether a column must not be left out: it was named, or identifies rows.

        A fact of the campaign may be: the list of campaigns has it, too.
        """
        if name in self._query.identity:
            return True
        is_named = name in self._query.metrics and not self._query.has_default_metrics
        return is_named and name not in CAMPAIGN_FACTS

    def ensure_none_required(self) -> None:
        """Raise the error of a column that was refused before and must not be left out."""
        if self._error is not None:
            raise copy.copy(self._error)

    def without(self, columns: Iterable[str]) -> tuple[str, ...]:
        """Return columns without those that were refused."""
        return tuple(name for name in columns if name not in self._names)

    def learn(
        self, refused: Collection[str], requested: Iterable[str], error: ApiError
    ) -> NoReturn:
        """Learn from the error of a report with the columns `requested`.

        Raises
        ------
        ColumnsRefused
            When the report can be requested without the refused columns.
        ApiError
            When it cannot: the error itself if it names no column or all metrics of the call,
            otherwise one that says which column must not be left out.
        """
        required = [name for name in refused if self.is_required(name)]
        if required:
            self._error = _required_error(required, self._query.identity, error)
            raise self._error from None
        remaining = set(requested).difference(refused)
        if not refused or remaining.isdisjoint(self._query.metrics):
            raise error
        self._names.update(refused)
        raise ColumnsRefused

    def not_in(self, columns: Collection[str]) -> tuple[str, ...]:
        """Return the refused columns that are not among these."""
        return tuple(sorted(self._names.difference(columns)))


def _required_error(
    names: Sequence[str], identity: Collection[str], error: ApiError
) -> SDAnalyticsError:
    """Return the error of columns that must not be left out, of the class of the service's."""
    advice = _ADVICE_METRIC
    if set(names) & set(identity):
        advice = _ADVICE_IDENTITY
    return type(error)(
        f"the service refuses {', '.join(names)}: {advice}. {error}",
        operation=error.operation,
        status=error.status,
        code=error.code,
        details=error.details,
        request_id=error.request_id,
    )
