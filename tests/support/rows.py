"""The rows that a frame shows, and those that the sandbox sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from typing import Any

import pandas as pd

from sdanalytics.model.metrics import CATALOGUE
from sdanalytics.model.record_types import list_record_types
from sdanalytics.sandbox import Report, Sandbox
from sdanalytics.sandbox.simulation.advertisers import ADVERTISERS, AdGroup

REPORTS = [(record_type, None) for record_type in list_record_types("v2")] + [
    (record_type, "matchedTarget") for record_type in ("campaigns", "adGroups", "targets")
]
"""All reports of version 2, by record type and segment."""


def small(**columns: list[Any]) -> pd.DataFrame:
    """Return the frame of a report with few rows, of one day unless it has a column of dates."""
    count = len(next(iter(columns.values())))
    dates = pd.to_datetime(columns.pop("date", ["2026-11-02"] * count)).astype("datetime64[s]")
    return pd.DataFrame({"date": dates} | columns)


def frame_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame as plain values, with None for missing ones."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def sent_rows(
    sandbox: Sandbox,
    entries: pd.DataFrame,
    columns: Iterable[str],
    keys: Iterable[str] = ("campaignId",),
) -> list[dict[str, Any]]:
    """Return the rows that the sandbox sent of stored partitions, as a frame should show them.

    `keys` are the columns that tell rows apart.
    """
    columns, order = list(columns), ["date", "tactic", *keys]
    rows = []
    for report_id, group in entries.groupby("report_id"):
        report = sandbox.reports[str(report_id)]
        stored = set(zip(group["date"], group["tactic"], strict=True))
        for row in filter(is_kept, report.rows):
            partition = _partition_key(report, row)
            if tuple(partition.values()) in stored:
                rows.append(
                    partition | {name: row.get(_sent_name(report, name)) for name in columns}
                )
    return sorted(rows, key=lambda row: tuple(row[key] for key in order))


def is_kept(row: Mapping[str, Any]) -> bool:
    """Return whether frames have a row: not so version 1's purchases of the promoted product."""
    return row.get("productRelevance.value") != "Promoted"


def _partition_key(report: Report, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the day and tactic of a row."""
    request = report.request
    if report.api == "v2":
        return {"date": pd.Timestamp(request["reportDate"]), "tactic": request["tactic"]}
    if report.api == "v1":
        [period] = request["reports"][0]["periods"]
        end = date.fromisoformat(period["datePeriod"]["endDate"])
        return {
            "date": pd.Timestamp(row["date.value"]),
            "tactic": _tactics(end)[row["campaign.id"]],
        }
    tactic = _tactics(date.fromisoformat(request["endDate"]))[row["campaignId"]]
    return {"date": pd.Timestamp(row["date"]), "tactic": tactic}


def _sent_name(report: Report, name: str) -> str:
    metric = CATALOGUE[name]
    names = {"v1": metric.v1_name, "v2": name, "v3": metric.v3_name}
    return str(names[report.api])


@cache
def _tactics(day: date) -> dict[int, str]:
    """Return the tactics of all campaigns that had started by a day."""
    return {
        AdGroup(advertiser, plan, 0).campaign_id: plan.tactic
        for advertiser in ADVERTISERS.values()
        for plan in advertiser.started_by(day)
    }
