"""The judge of the stress test: compares rows with those that there are, without the library.

It uses pandas and pyarrow alone, neither the readers of the library nor what these take for stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import pandas as pd
import pyarrow.fs as pafs
import pyarrow.parquet as pq

METRICS: Final = ("impressions", "clicks", "cost", "campaignName", "attributedSales14d")
KEY: Final = ["date", "campaignId"]
UNKNOWN: Final = "unknown"


class StoredFile(NamedTuple):
    """A file of the store: its day and tactic by its path, and its rows."""

    day: pd.Timestamp
    tactic: str
    rows: pd.DataFrame

    @property
    def metrics(self) -> list[str]:
        """The metrics that the file has."""
        return [name for name in METRICS if name in self.rows]


class Judge:
    """Compares rows with those of the service.

    Parameters
    ----------
    expected : pandas.DataFrame
        All rows: date, tactic, campaignId and `METRICS`.
    unlisted : collection of int
        Campaigns whose tactic version 3 does not know.
    """

    def __init__(self, expected: pd.DataFrame, unlisted: Sequence[int]) -> None:
        self.expected = expected.assign(tactic=expected["tactic"].astype(str))
        self._unlisted = list(unlisted)

    def find_fault(
        self, found: pd.DataFrame, expected: pd.DataFrame, names: Sequence[str], *, sparse: bool
    ) -> str | None:
        """Say what is wrong with rows; None if nothing is. Rows that lack are no fault here.

        `sparse`: values may be missing, since days are stored with different metrics.
        """
        twice = found[found.duplicated(KEY)]
        if len(twice):
            return f"rows count twice: {_first_keys(twice)}"
        found = found.assign(tactic=found["tactic"].astype(str))
        merged = found.merge(expected, on=KEY, how="left", suffixes=("", "_expected"))
        foreign = merged[merged["tactic_expected"].isna()]
        if len(foreign):
            return f"rows that the service does not have: {_first_keys(foreign)}"
        is_unlisted = merged["campaignId"].isin(self._unlisted)
        is_unknown = (merged["tactic"] == UNKNOWN) & is_unlisted
        misplaced = merged[(merged["tactic"] != merged["tactic_expected"]) & ~is_unknown]
        if len(misplaced):
            return f"rows of another tactic: {_first_keys(misplaced)}"
        for name in names:
            is_missing = merged[name].isna()
            if name == "campaignName":  # of the list, where a day is stored without it
                is_missing &= ~is_unlisted
            is_wrong = merged[name].notna() & (merged[name] != merged[f"{name}_expected"])
            if is_wrong.any():
                return f"{name} is of another row: {_first_keys(merged[is_wrong])}"
            if is_missing.any() and not sparse:
                return f"{name} is lost: {_first_keys(merged[is_missing])}"
        return None

    def find_lost_rows(self, found: pd.DataFrame, expected: pd.DataFrame) -> str | None:
        """Say which rows are lost; None if none are."""
        merged = expected.merge(found[KEY], on=KEY, how="left", indicator=True)
        lost = merged[merged["_merge"] == "left_only"]
        return f"{len(lost)} rows are lost: {_first_keys(lost)}" if len(lost) else None

    def find_faults_of_files(self, files: Sequence[StoredFile], *, repaired: bool) -> Iterator[str]:
        """Yield what is wrong with the files of a store.

        Before a repair, a process that was killed may have left a row both in its tactic's file and
        among those of unknown tactic, or these may be gone with the day that was being removed.
        """
        for file in files:
            of_day = self.expected[self.expected["date"] == file.day]
            fault = self.find_fault(file.rows, of_day, file.metrics, sparse=False)
            if fault is None:
                expected = self._rows_of_tactic(file)
                is_listed = ~expected["campaignId"].isin(self._unlisted)
                fault = self.find_lost_rows(file.rows, expected[is_listed])
            if fault:
                yield f"{file.day.date()} {file.tactic}: {fault}"
        if repaired:
            for day in sorted({file.day for file in files}):
                fault = self._find_fault_of_day([file for file in files if file.day == day])
                if fault:
                    yield f"{day.date()}: {fault}"

    def _find_fault_of_day(self, files: Sequence[StoredFile]) -> str | None:
        rows = pd.concat([file.rows[[*KEY, "tactic"]] for file in files], ignore_index=True)
        twice = rows[rows.duplicated(KEY)]
        if len(twice):
            return f"rows count twice: {_first_keys(twice)}"
        expected = pd.concat([self._rows_of_tactic(file) for file in files])
        return self.find_lost_rows(rows, expected)

    def _rows_of_tactic(self, file: StoredFile) -> pd.DataFrame:
        """Return the rows that there are of a file's day and tactic; of unknown tactic none."""
        expected = self.expected
        return expected[(expected["date"] == file.day) & (expected["tactic"] == file.tactic)]


def _first_keys(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {"date": str(row["date"].date()), "campaignId": row["campaignId"]}
        for row in rows[KEY].head(3).to_dict("records")
    ]


def read_files(filesystem: pafs.FileSystem, root: str) -> list[StoredFile]:
    """Read all files of reports below the root of a store."""
    selector = pafs.FileSelector(f"{root}/reports", recursive=True, allow_not_found=True)
    files = []
    for info in filesystem.get_file_info(selector):
        if not info.path.endswith(".parquet"):
            continue
        keys = dict(part.split("=", 1) for part in info.path.split("/") if "=" in part)
        day = pd.Timestamp(keys["date"]).as_unit("s")
        with filesystem.open_input_file(info.path) as body:
            rows = pq.ParquetFile(body).read().to_pandas()
        rows = rows.assign(date=day, tactic=keys["tactic"])
        files.append(StoredFile(day, keys["tactic"], rows))
    return files
