"""The truth about an advertiser: the numbers of a report once nothing changes any more."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from sdanalytics.errors import InvalidRequest
from sdanalytics.model.dtypes import arrow_type, table_to_frame
from sdanalytics.model.metrics import (
    CAMPAIGN_FACTS,
    CATALOGUE,
    EVERY_TACTIC,
    requestable_metrics,
)
from sdanalytics.model.query import ReportQuery
from sdanalytics.sandbox.simulation.advertisers import Advertiser
from sdanalytics.sandbox.simulation.breakdowns import RowSet, break_down
from sdanalytics.sandbox.simulation.expectations import ExpectedMeasures
from sdanalytics.sandbox.simulation.fields import (
    list_labels,
    list_summands,
    none_if_left_out,
    render_columns,
)
from sdanalytics.sandbox.simulation.measures import CONVERSION_METRIC, DayMeasures
from sdanalytics.sandbox.simulation.orders import MAX_AGE
from sdanalytics.sandbox.simulation.simulated_day import simulate_day
from sdanalytics.sandbox.simulation.v1_rows import render_v1_metrics
from sdanalytics.sandbox.v1_fields import V1_FIELDS, V1Field

if TYPE_CHECKING:
    import pandas as pd

_HORIZONS: Final = ("restatable_from", "arriving_from", "traffic_restatable_from")
"""Keys of a frame's metadata: from which day on numbers may change."""


def build_truth(
    advertiser: Advertiser, query: ReportQuery, today: date, *, expected: bool
) -> pd.DataFrame:
    """Return the frame that a query gives when all days are old enough to be final.

    Parameters
    ----------
    advertiser : Advertiser
    query : ReportQuery
    today : datetime.date
        The day of the list of campaigns, which has the facts of campaigns that the report lacks.
    expected : bool
        Whether conversion metrics are expectations, as ``float64``, instead of what was drawn.

    Raises
    ------
    InvalidRequest
        When the advertiser has no such report.
    """
    _check_report(advertiser, query, expected)
    tables: list[pa.Table] = []
    for day in query.days:
        simulated = simulate_day(advertiser, day)
        measures = ExpectedMeasures(simulated) if expected else DayMeasures(simulated, MAX_AGE)
        rows = build_day(measures, query, today)
        tables.append(rows)
    order = [(name, "ascending") for name in ("date", "tactic", *query.identity)]
    table = pa.concat_tables(tables).sort_by(order)
    expectations = {}
    if expected:
        for name in filter(CONVERSION_METRIC.fullmatch, query.columns):
            expectations[name] = table.column(name).to_numpy()
            blank = pa.nulls(table.num_rows, arrow_type(name))
            position = table.column_names.index(name)
            table = table.set_column(position, name, blank)
    frame = table_to_frame(table)
    for name, values in expectations.items():
        frame[name] = values
    frame.attrs["sdanalytics"] = {
        "record_type": query.record_type,
        "segment": query.segment,
        "profile_id": str(advertiser.profile_id),
        "currency": advertiser.currency,
        **dict.fromkeys(_HORIZONS),
        "fetched_on": [],
    }
    return frame


def _check_report(advertiser: Advertiser, query: ReportQuery, expected: bool) -> None:
    if advertiser.account_type != "seller":
        if query.record_type == "asins":
            raise InvalidRequest(f"the asins report is for sellers, not for {advertiser.name}")
        if "sku" in query.columns:
            raise InvalidRequest(f"sku is for sellers, not for {advertiser.name}; leave it out")
    if expected and query.record_type == "asins":
        raise InvalidRequest("expected must be False for asins; other record types have ...SKU")
    drawn = _list_v1_metrics(query)
    if expected and drawn:
        raise InvalidRequest(f"expected must be False for {', '.join(drawn)}; leave them out")


def _list_v1_metrics(query: ReportQuery) -> dict[str, V1Field]:
    """Return the metrics that only version 1 has, with their fields."""
    fields = {}
    for name in query.columns:
        metric = CATALOGUE[name]
        if metric.v1_name and not metric.reports and not metric.v3_reports:
            fields[name] = V1_FIELDS[metric.v1_name]
    return fields


def build_day(measures: DayMeasures, query: ReportQuery, today: date) -> pa.Table:
    """Return the rows of a day with `date` and `tactic` in front, in any order.

    Parameters
    ----------
    measures : DayMeasures
        The day at some age, or its expectations.
    query : ReportQuery
        Its days do not count.
    today : datetime.date
        The day of the list of campaigns.
    """
    day = measures.day.day
    others = _list_v1_metrics(query)
    names = [name for name in query.columns if name not in others]
    rows = break_down(measures, query.record_type, query.segment, list_summands(names))
    rendered = render_columns(names, rows, day, measures.day.advertiser.decimals)
    if others:
        report = (query.record_type, query.segment)
        _, fields = render_v1_metrics(measures, report, list(others.values()))
        rendered |= {name: fields[field.name] for name, field in others.items()}
    reported = requestable_metrics(query.record_type, query.segment, api=None)
    for name in set(CAMPAIGN_FACTS).intersection(rendered).difference(reported):
        rendered[name] = list_labels(name, rows.keys, today)
    days = pa.array([day] * len(rows.keys), pa.date32())
    columns: dict[str, pa.Array] = {}
    columns["date"] = days.cast(pa.timestamp("s"))
    columns["tactic"] = pa.array(_list_tactics(rows, query))
    is_expected = isinstance(measures, ExpectedMeasures)
    for name in query.columns:
        is_expectation = is_expected and CONVERSION_METRIC.fullmatch(name)
        dtype = arrow_type(name)
        if is_expectation:
            dtype = pa.float64()
        columns[name] = pa.array(map(none_if_left_out, rendered[name]), dtype)
    return pa.table(columns)


def _list_tactics(rows: RowSet, query: ReportQuery) -> list[str]:
    if query.tactics == (EVERY_TACTIC,):
        return [EVERY_TACTIC] * len(rows.keys)
    return [key.group.campaign.tactic for key in rows.keys]
