"""``sdanalytics export``."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sdanalytics.cli.exit_codes import EXIT_MISSING, EXIT_OK
from sdanalytics.cli.output import print_json
from sdanalytics.cli.parsers import (
    Commands,
    add_command,
    add_json_option,
    add_log_options,
    describe_with_exit_codes,
)
from sdanalytics.cli.report_options import add_report_options, open_selection
from sdanalytics.cli.run_log import logger, show_log
from sdanalytics.errors import InvalidRequest, MissingDependency, PartialFetchError

if TYPE_CHECKING:
    import pandas as pd

_SUFFIXES: Final = (".csv", ".parquet", ".xlsx")


def add_export_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "export",
        run_export_command,
        help="write a report to a file: CSV, Parquet or Excel",
        description=describe_with_exit_codes(
            "Fetch what is missing of a report, and write it to one file: CSV, Parquet or Excel, "
            "by the end of its name. With --profiles, what there is of each is written if others "
            "fail (exit code 1); else all days or no file."
        ),
        examples=(
            "sdanalytics export campaigns week.xlsx --days 7 --profiles all",
            "sdanalytics export targets targets.csv --start 2026-11-01 --end 2026-11-14",
            "sdanalytics export asins asins.parquet --days 60 --refresh never",
        ),
    )
    parser.add_argument("record_type", metavar="RECORD_TYPE", help="such as campaigns")
    parser.add_argument("file", type=Path, metavar="FILE", help="*.csv, *.parquet or *.xlsx")
    parser.add_argument(
        "--for-excel",
        action="store_true",
        help="CSV that Excel reads as UTF-8, and without formulas (a ' in front of such texts)",
    )
    add_report_options(parser)
    add_log_options(parser)
    add_json_option(parser)


def run_export_command(options: argparse.Namespace) -> int:
    """Write a report to a file; 1 if something of it is missing."""
    from sdanalytics import fetch_report

    _validate_file(options.file)
    with show_log(options):
        selection = open_selection([options.record_type], options)
        [record_type] = selection.record_types
        code = EXIT_OK
        try:
            frame = fetch_report(record_type, **selection.keywords(record_type))  # type: ignore[arg-type]
        except PartialFetchError as error:
            if error.frame is None:
                raise
            logger.error("%s", error)
            frame = error.frame
            code = EXIT_MISSING
        _write_frame(options.file, frame, for_excel=options.for_excel)
        logger.info("%s: %d rows", options.file, len(frame))
    if options.json:
        print_json(_describe_file(options.file, frame))
    return code


def _validate_file(path: Path) -> None:
    """Raise an error for a file that cannot be written, or not without another package."""
    from sdanalytics.delivery.output_file import ensure_can_write

    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise InvalidRequest(
            f"FILE must end in .csv, .parquet or .xlsx, which says what to write, got {path}"
        )
    if suffix == ".xlsx" and importlib.util.find_spec("xlsxwriter") is None:
        raise MissingDependency.for_module("xlsxwriter", "an Excel file")
    ensure_can_write(path, suffix)


def _write_frame(path: Path, frame: pd.DataFrame, *, for_excel: bool) -> None:
    from sdanalytics.delivery.flat_files import write_csv, write_parquet

    suffix = path.suffix.lower()
    if suffix == ".csv":
        write_csv(path, frame, for_excel=for_excel)
    elif suffix == ".parquet":
        write_parquet(path, frame)
    else:
        from sdanalytics.delivery.excel import to_excel

        to_excel(path, frame)


def _describe_file(path: Path, frame: pd.DataFrame) -> dict[str, Any]:
    """Return what was written as plain values."""
    days = frame["date"]
    return {
        "file": str(path),
        "bytes": path.stat().st_size,
        "rows": len(frame),
        "start": None if frame.empty else days.min().date(),
        "end": None if frame.empty else days.max().date(),
    }
