"""The rows of each report of either version, as the service would send them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import compress
from typing import Any, Final, NamedTuple

from sdanalytics.model.metrics import TACTICS, V2_NAME_BY_V3_NAME, identity_columns
from sdanalytics.sandbox.responses import JsonObject
from sdanalytics.sandbox.simulation.advertisers import Advertiser
from sdanalytics.sandbox.simulation.breakdowns import RowSet, break_down
from sdanalytics.sandbox.simulation.fields import (
    LEFT_OUT,
    list_labels,
    list_summands,
    render_columns,
)
from sdanalytics.sandbox.simulation.measures import DayMeasures
from sdanalytics.sandbox.simulation.simulated_day import simulate_day
from sdanalytics.sandbox.v3_request import V3Request

JsonRow = JsonObject
"""A row as it is sent: values by the names of their fields."""
_Columns = dict[str, list[Any]]
"""The values of all rows by the catalogue's names."""
_PERIOD_COLUMNS: Final = ("startDate", "endDate", "date")


class _DatedRows(NamedTuple):
    """The rows of a day, or of several, described as on the last of them."""

    day: date
    rows: RowSet


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
    measures = measure_day(advertiser, day, now)
    rows = break_down(measures, record_type, segment, list_summands(metrics))
    rows = _select_tactic(rows, tactic)
    columns = render_columns(metrics, rows, day, advertiser.decimals)
    names = dict(zip(metrics, metrics, strict=True))
    return _to_rows(columns, names)


def render_v3_rows(advertiser: Advertiser, request: V3Request, now: datetime) -> list[JsonRow]:
    """Return the rows of a version 3 report: of both tactics, under version 3's names.

    The numbers are those of the version 2 reports of the same days.
    """
    names = {}
    for column in request.columns:
        names[column] = V2_NAME_BY_V3_NAME.get(column, column)
    filters = {}
    for column, allowed in request.filters.items():
        filters[V2_NAME_BY_V3_NAME[column]] = allowed
    fields = {*names.values(), *filters}
    fields.difference_update(_PERIOD_COLUMNS)
    parts = _list_days(advertiser, request, list_summands(fields), now)
    if not request.is_daily:
        parts = [_sum_days(parts, identity_columns(request.record_type, request.segment))]
    rendered: list[JsonRow] = []
    for day, rows in parts:
        columns = render_columns(fields, rows, day, advertiser.decimals)
        columns |= _period_columns(request, day, len(rows.keys))
        columns = _filter_rows(columns, filters)
        rendered += _to_rows(columns, names)
    return rendered


def measure_day(advertiser: Advertiser, day: date, now: datetime) -> DayMeasures:
    """Return the metrics of a day as they are known at a moment (aware)."""
    midnight = datetime.combine(day, time(), advertiser.zone)
    age = (now - midnight) / timedelta(days=1)
    return DayMeasures(simulate_day(advertiser, day), age)


def _list_days(
    advertiser: Advertiser, request: V3Request, summands: Sequence[str], now: datetime
) -> list[_DatedRows]:
    """Return the rows of each day and tactic."""
    parts = []
    for day in request.days:
        measures = measure_day(advertiser, day, now)
        rows = break_down(measures, request.record_type, request.segment, summands)
        for tactic in TACTICS:
            part = _select_tactic(rows, tactic)
            parts.append(_DatedRows(day, part))
    return parts


def _sum_days(parts: Sequence[_DatedRows], identity: Sequence[str]) -> _DatedRows:
    """Add up the rows that have the same identity."""
    positions: dict[tuple[Any, ...], int] = {}
    summed: list[RowSet] = []
    rows_of_sums: list[list[int]] = []
    for day, rows in parts:
        labels = [list_labels(name, rows.keys, day) for name in identity]
        sums = []
        for values in zip(*labels, strict=True):
            position = positions.setdefault(values, len(positions))
            sums.append(position)
        summed.append(rows)
        rows_of_sums.append(sums)
    last_day = parts[-1].day
    return _DatedRows(last_day, RowSet.add(summed, rows_of_sums))


def _select_tactic(rows: RowSet, tactic: str) -> RowSet:
    chosen = []
    for row, key in enumerate(rows.keys):
        if key.group.campaign.tactic == tactic:
            chosen.append(row)
    return rows.select(chosen)


def _period_columns(request: V3Request, day: date, count: int) -> _Columns:
    period = (request.days[0], request.days[-1], day)
    columns = {}
    for name, value in zip(_PERIOD_COLUMNS, period, strict=True):
        columns[name] = [value.isoformat()] * count
    return columns


def _filter_rows(columns: _Columns, filters: Mapping[str, Sequence[str]]) -> _Columns:
    """Return the rows whose values of some columns are allowed."""
    for name, allowed in filters.items():
        is_allowed = [str(value) in allowed for value in columns[name]]
        columns = keep_rows(columns, is_allowed)
    return columns


def keep_rows(columns: _Columns, is_kept: Sequence[bool]) -> _Columns:
    """Return columns without the rows that are not kept."""
    kept: _Columns = {}
    for name, values in columns.items():
        kept[name] = list(compress(values, is_kept))
    return kept


def _to_rows(columns: _Columns, names: Mapping[str, str]) -> list[JsonRow]:
    """Return rows with fields under their names in the report; `names` maps to the columns."""
    values = [columns[name] for name in names.values()]
    rows: list[JsonRow] = []
    for cells in zip(*values, strict=True):
        row = dict(zip(names, cells, strict=True))
        if LEFT_OUT in cells:
            row = _leave_out(row)
        rows.append(row)
    return rows


def _leave_out(row: JsonRow) -> JsonRow:
    kept: JsonRow = {}
    for name, value in row.items():
        if value is not LEFT_OUT:
            kept[name] = value
    return kept
