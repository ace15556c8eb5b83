"""Versions of a day: what reports of some hours had."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pandas as pd
import pyarrow as pa

from sdanalytics import ReportCache
from sdanalytics.model.dtypes import arrow_schema
from sdanalytics.model.partition import Partition, Provenance
from tests.support.samples import NOW, SOURCE, US, day
from tests.support.stores import partitions_in

DAY = Partition(SOURCE, str(US), "campaigns", None, "T00020", day(1))
Rows = Mapping[int, int]
"""The clicks of campaigns by id."""


def store_version(store: ReportCache, rows: Mapping[str, Rows], hours: int, **more: Rows) -> None:
    """Store the rows of a day, by tactic, as fetched some hours after the others."""
    tables = {}
    for tactic, clicks in rows.items():
        schema = arrow_schema(["campaignId", "clicks", *more])
        values: dict[str, list[Any]] = {"campaignId": list(clicks), "clicks": list(clicks.values())}
        values |= {name: [column[key] for key in clicks] for name, column in more.items()}
        tables[DAY._replace(tactic=tactic)] = pa.table(values, schema=schema)
    origin = Provenance(f"report {hours}", NOW + timedelta(hours=hours), "v3")
    partitions_in(store).store_report(tables, origin, now=NOW + timedelta(days=9))


def list_versions(store: ReportCache, **options: Any) -> list[tuple[Any, ...]]:
    """Return the hour, tactic, campaign and clicks of each row of the history."""
    frame = store.history("campaigns", DAY.date, metrics=["clicks"], **options)
    hours = (frame["fetched_at"] - pd.Timestamp(NOW)) // pd.Timedelta(hours=1)
    return list(zip(hours, frame["tactic"], frame["campaignId"], frame["clicks"], strict=True))
