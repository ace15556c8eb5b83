"""Checks and conversions of values in the service's JSON documents."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from sdanalytics._core.suggest import has_lone_surrogate
from sdanalytics.errors import InvalidRequest

_REPORT_ID: Final = re.compile(r"[!-~]{1,256}")
"""Ids are paths of requests, values of files and words of logs: printable, without spaces."""


def is_valid_text(value: object) -> bool:
    """Return whether a value is text that can be written: without half of a surrogate pair."""
    return isinstance(value, str) and not has_lone_surrogate(value)


def to_valid_text(value: object) -> object:
    """Return a value of a document with U+FFFD for each half of a surrogate pair in its texts."""
    if isinstance(value, dict):
        return {name: to_valid_text(part) for name, part in value.items()}
    if isinstance(value, str) and has_lone_surrogate(value):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def is_integer(value: object) -> bool:
    """Return whether a value is an integer; a boolean is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def text_or_none(value: object) -> str | None:
    """Convert a value to text; None stays None."""
    return None if value is None else str(value)


def quote_path_segment(report_id: str) -> str:
    """Quote a report id for use in a path.

    Raises
    ------
    InvalidRequest
        When it is not a non-empty text.
    """
    if not isinstance(report_id, str) or not report_id:
        raise InvalidRequest(f"report_id must be the id of a report, got {report_id!r}")
    return quote(report_id, safe="")


def read_report_id(document: object) -> str | None:
    """Return the id of the report that a document describes; None if it names none."""
    report_id = None
    if isinstance(document, dict):
        report_id = document.get("reportId")
    if is_integer(report_id):
        report_id = str(report_id)
    is_id = isinstance(report_id, str) and _REPORT_ID.fullmatch(report_id) is not None
    return report_id if is_id else None
