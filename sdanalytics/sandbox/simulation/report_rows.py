"""The rows of each report of either version, as the service would send them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import numpy as np

from sdanalytics.model.metrics import TACTICS, V2_NAME_BY_V3_NAME, identity_columns
from sdanalytics.sandbox.responses import JsonObject
from sdanalytics.sandbox.simulation.advertisers import Advertiser
from sdanalytics.sandbox.simulation.breakdowns import RowKey, RowSet, break_down
from sdanalytics.sandbox.simulation.fields import (
    LEFT_OUT,
    list_labels,
    list_summands,
    render_metric,
)
from sdanalytics.sandbox.simulation.simulated_day import simulate_day
from sdanalytics.sandbox.v3_request import V3Request

JsonRow = JsonObject
"""A row as it is sent: values by the names of their fields."""
_PERIOD_COLUMNS: Final = ("startDate", "endDate", "date")
_Columns = dict[str, list[Any]]
"""The values of all rows by the catalogue's names."""


def render_v2_rows(
    advertiser: Advertiser,
    record_type: str,
    day: date,
    tactic: str,
    metrics: Sequence[str],
    segment: str | None,
    now: datetime,
) -> list[JsonRow]:
    """Return the rows of a version 2 report.

    Fields are in the order requested. Video metrics are absent for campaigns without video;
    a ratio without a denominator is null; whole amounts have no decimals.
    """
    age = age_at(advertiser, day, now)
    names = list_summands(metrics)
    rows = break_down(simulate_day(advertiser, day), record_type, segment, names, age)
    columns = _render_columns(advertiser, day, _select_tactic(rows, tactic), metrics)
    return _to_rows(columns, {name: name for name in metrics})


def render_v3_rows(advertiser: Advertiser, request: V3Request, now: datetime) -> list[JsonRow]:
    """Return the rows of a version 3 report: of both tactics, under version 3's names.

    The numbers are those of the version 2 reports of the same days.
    """
    names = {column: V2_NAME_BY_V3_NAME.get(column, column) for column in request.columns}
    filtered = {V2_NAME_BY_V3_NAME[column]: allowed for column, allowed in request.filters.items()}
    fields = [*set(names.values()).difference(_PERIOD_COLUMNS), *filtered]
    rendered: list[JsonRow] = []
    for day, rows in _list_days(advertiser, request, fields, now):
        columns = _render_columns(advertiser, day, rows, fields)
        columns |= _period_columns(request, day, len(rows.keys))
        rendered += _to_rows(_filter(columns, filtered), names)
    return rendered


def age_at(advertiser: Advertiser, day: date, now: datetime) -> float:
    """Return how many days ago a day of an advertiser began at a moment (aware)."""
    midnight = datetime.combine(day, time(), advertiser.zone)
    return (now - midnight) / timedelta(days=1)


def _list_days(
    advertiser: Advertiser, request: V3Request, fields: Sequence[str], now: datetime
) -> Iterator[tuple[date, RowSet]]:
    """Yield the rows of each day; of a summary those of all days together, with the last."""
    names = list_summands(fields)
    days = []
    for day in request.days:
        simulated = simulate_day(advertiser, day)
        age = age_at(advertiser, day, now)
        rows = break_down(simulated, request.record_type, request.segment, names, age)
        for tactic in TACTICS:
            days.append((day, _select_tactic(rows, tactic)))
    if request.is_daily:
        yield from days
        return
    yield request.days[-1], _add_days(days, request)


def _add_days(days: Sequence[tuple[date, RowSet]], request: V3Request) -> RowSet:
    """Add up the rows of all days that have the same identity."""
    identity = identity_columns(request.record_type, request.segment)
    positions: dict[tuple[Any, ...], int] = {}
    keys: list[RowKey] = []
    sums: dict[str, list[int]] = {name: [] for name in days[0][1].metrics}
    for day, rows in days:
        labels = [list_labels(name, rows.keys, day) for name in identity]
        for row, parts in enumerate(zip(*labels, strict=True)):
            position = positions.setdefault(parts, len(keys))
            if position == len(keys):
                keys.append(rows.keys[row])
            for name, values in rows.metrics.items():
                if position == len(sums[name]):
                    sums[name].append(0)
                sums[name][position] += int(values[row])
    return RowSet(keys, {name: np.array(values, np.int64) for name, values in sums.items()})


def _select_tactic(rows: RowSet, tactic: str) -> RowSet:
    chosen = [row for row, key in enumerate(rows.keys) if key.group.campaign.tactic == tactic]
    return rows.select(chosen)


def _render_columns(
    advertiser: Advertiser, day: date, rows: RowSet, fields: Sequence[str]
) -> _Columns:
    columns: _Columns = {}
    for name in fields:
        values = render_metric(name, rows, advertiser.decimals)
        columns[name] = list_labels(name, rows.keys, day) if values is None else values
    return columns


def _period_columns(request: V3Request, day: date, count: int) -> _Columns:
    period = zip(_PERIOD_COLUMNS, (request.days[0], request.days[-1], day), strict=True)
    return {name: [value.isoformat()] * count for name, value in period}


def _filter(columns: _Columns, filtered: Mapping[str, Sequence[str]]) -> _Columns:
    for name, allowed in filtered.items():
        passes = [str(value) in allowed for value in columns[name]]
        for other, values in columns.items():
            columns[other] = [value for value, ok in zip(values, passes, strict=True) if ok]
    return columns


def _to_rows(columns: _Columns, names: Mapping[str, str]) -> list[JsonRow]:
    """Return rows with fields under their names in the report; `names` maps to the columns."""
    values = [columns[name] for name in names.values()]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]
    if any(LEFT_OUT in column for column in values):
        rows = [_leave_out(row) for row in rows]
    return rows


def _leave_out(row: JsonRow) -> JsonRow:
    return {name: value for name, value in row.items() if value is not LEFT_OUT}
