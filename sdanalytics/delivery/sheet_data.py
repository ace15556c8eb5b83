"""`SheetData`: a frame prepared for a sheet, with its totals and final numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.buckets import DAYS, IS_WHOLE
from sdanalytics.analysis.final_columns import MATURITY_COLUMN
from sdanalytics.analysis.final_curve import FinalLike, load_default_curve, resolve_curve
from sdanalytics.analysis.forecast_final import forecast_final
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.share_table import ShareTable
from sdanalytics.analysis.totals import LABEL, drop_total_row
from sdanalytics.analysis.validation import validate_frame
from sdanalytics.delivery.sheet_columns import ensure_exact_ids
from sdanalytics.delivery.total_rows import (
    Cells,
    list_known_cells,
    name_total,
    total_rows,
)
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.metrics import CATALOGUE, ColumnKind
from sdanalytics.model.profile_entries import FETCHED_ON

DEFAULT_TITLE: Final = "report"
_FIRST_COLUMNS: Final = ("date", DAYS, IS_WHOLE)
_ACCOUNT_COLUMNS: Final = ("accountName", "countryCode")


@dataclass(frozen=True)
class SheetData:
    """A frame as it is written.

    Attributes
    ----------
    title : str
        The name that the user gave it.
    rows : pandas.DataFrame
        Without a total row; names come first.
    totals : list of dict
        The cells of the total rows.
    curve : ShareTable or None
        The curve that its final numbers are from.
    """

    title: str
    rows: pd.DataFrame
    totals: list[Cells]
    curve: ShareTable | None = None

    @property
    def maturity(self) -> float | None:
        """The share of the final orders that has come, where the totals have it."""
        if len(self.totals) != 1:
            return None
        return self.totals[0].get(MATURITY_COLUMN)


def parse_frames(data: object) -> dict[str, pd.DataFrame]:
    """Return the frames that a user passed, by title.

    Raises
    ------
    InvalidRequest
        When it is neither a frame nor a dict of frames, or a frame cannot be written as a sheet.
    """
    frames = data if isinstance(data, Mapping) else {DEFAULT_TITLE: data}
    if not frames:
        raise InvalidRequest("there must be at least one frame to write, got an empty dict")
    parsed = {}
    for title, frame in frames.items():
        if not isinstance(title, str):
            raise InvalidRequest(f"the names of sheets must be text, got {title!r}")
        parsed[title] = _parse_frame(frame, title)
    return parsed


def prepare_sheets(frames: Mapping[str, pd.DataFrame], final: FinalLike) -> list[SheetData]:
    """Return frames as they are written.

    Final numbers are added to frames of single days that have none; others are written as they are.

    Raises
    ------
    InvalidRequest
        When final numbers are asked for and no frame can have them.
    """
    curves: dict[str, pd.DataFrame] = {}
    if final is not None and final is not False:
        curves = _choose_curves(frames, final)
    sheets = []
    for title, frame in frames.items():
        if title in curves:
            curve = curves[title]
            sheet = _prepare_final(title, frame, curve)
        else:
            sheet = _prepare(title, frame)
        sheets.append(sheet)
    return sheets


def _parse_frame(frame: object, title: str) -> pd.DataFrame:
    try:
        df = _flatten_frame(validate_frame(frame))
        if df.columns.empty:
            raise InvalidRequest("the frame must have at least one column to write, it has none")
        ensure_exact_ids(df)
        return validate_frame(df)
    except InvalidRequest as error:
        raise InvalidRequest(f"{title}: {error}") from None


def _flatten_frame(df: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose columns have text as names, its index a column if it has a name."""
    if df.columns.nlevels > 1:
        raise InvalidRequest(
            f"columns must have one level, got {df.columns.nlevels}: name them anew, as in "
            "df.columns = ['_'.join(names) for names in df.columns]"
        )
    has_named_index = any(name is not None for name in df.index.names)
    df = df.reset_index(
        drop=not has_named_index,
        allow_duplicates=True,
    )
    df.columns = df.columns.map(str)
    return df


def _choose_curves(
    frames: Mapping[str, pd.DataFrame], final: pd.DataFrame | bool
) -> dict[str, pd.DataFrame]:
    """Return the curve of each frame that final numbers are added to."""
    curves = {}
    for title, frame in frames.items():
        is_only_one = len(frames) == 1 and "date" in frame  # then it is told what is wrong with it
        if not is_only_one and not _lacks_final_numbers(frame):
            continue
        try:
            curve = final
            if isinstance(curve, bool):
                curve = load_default_curve(frame)
            resolve_curve(curve, frame)
        except InvalidRequest as error:
            raise InvalidRequest(f"{title}: {error}") from None
        curves[title] = curve
    if not curves:
        raise InvalidRequest(
            "final must be left out, since no frame has rows of single days as fetch_report "
            "returns them: summarize, compare and explain have a final= of their own"
        )
    return curves


def _lacks_final_numbers(df: pd.DataFrame) -> bool:
    """Return whether a frame has rows of single days, without final numbers so far."""
    metadata = frame_metadata(df)
    is_of_days = "date" in df and metadata.get("freq") in (None, "D")
    return is_of_days and FETCHED_ON in metadata and MATURITY_COLUMN not in df


def _prepare_final(title: str, df: pd.DataFrame, final: pd.DataFrame) -> SheetData:
    """Return a frame of single days with its final numbers, row by row and in the total."""
    rows = drop_total_row(df)
    curve = resolve_curve(final, rows)
    forecast = forecast_final(rows, final)
    forecast = _put_names_first(forecast)
    totals = total_rows(rows, curve)
    named = _name_totals(totals, forecast)
    return SheetData(title, forecast, named, curve)


def _prepare(title: str, df: pd.DataFrame) -> SheetData:
    rows = drop_total_row(df)
    is_total = ~df.index.isin(rows.index)
    own_totals = df[is_total]
    rows = _put_names_first(rows)
    if len(own_totals):
        totals = list_known_cells(own_totals)
    else:
        totals = _name_totals(total_rows(rows), rows)
    return SheetData(title, rows, totals)


def _name_totals(totals: Sequence[Cells], rows: pd.DataFrame) -> list[Cells]:
    """Return totals with their names in the first column of names, or else in the first one."""
    columns = rows.columns.tolist()
    first, *_ = [*filter(is_name_column, columns), *columns]
    named = []
    for cells in totals:
        name = name_total(cells)
        named.append(cells | {first: name})
    return named


def _put_names_first(df: pd.DataFrame) -> pd.DataFrame:
    """Return the columns with the day first and names next, the others as they come."""
    ranks = []
    for name in df.columns.tolist():
        is_first = "date" in df and name in _FIRST_COLUMNS
        rank = 0 if is_first else 2
        if not is_first and is_name_column(name):
            rank = 1
        ranks.append(rank)
    order = np.argsort(ranks, kind="stable")
    return df.iloc[:, order]


def is_leading_column(name: str) -> bool:
    """Return whether a column stays in view: one of days or names."""
    return name in _FIRST_COLUMNS or is_name_column(name)


def is_name_column(name: str) -> bool:
    """Return whether a column has names that tell rows apart: of campaigns, products, accounts."""
    if name in _ACCOUNT_COLUMNS or name == LABEL:
        return True
    metric = CATALOGUE.get(name)
    return metric is not None and metric.kind is ColumnKind.TEXT
