"""Record types: the versions of the API that have them, their tactics and their history."""

from __future__ import annotations

from typing import Final

from sdanalytics._core.suggest import validate_choice
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.literals import RecordType
from sdanalytics.model.metrics import EVERY_TACTIC, RECORD_TYPES, TACTICS, identity_columns

_ABSENT_FROM: Final = {"v2": ("invalidTraffic",), "v1": ("targets", "invalidTraffic")}
"""The record types that a version of the API does not have."""
_REASONS: Final = {
    "targets": "Amazon's field catalogue of version 1 has no id of a target, and no metric for one",
    "invalidTraffic": "it is a report of version 3 of the API only",
}
_HISTORY_DAYS: Final = {"invalidTraffic": 365}
"""Days of history that the service has, for record types that differ from the others."""
_MAX_HISTORY_DAYS: Final = {"targets": 65}
"""Days of history that the service has at most, in any version that has the record type."""


def list_record_types(api: str | None = None) -> tuple[RecordType, ...]:
    """Return the record types that a version of the API has; None: that any has."""
    absent = _ABSENT_FROM.get(api or "", ())
    return tuple(name for name in RECORD_TYPES if name not in absent)


def validate_record_type(record_type: object, api: str | None = None) -> RecordType:
    """Return `record_type` if the version of the API has it (None: any has).

    Raises
    ------
    InvalidRequest
        Otherwise; the message names the record types, or the version that has it.
    """
    known: RecordType = validate_choice("record_type", record_type, RECORD_TYPES)
    if known not in list_record_types(api):
        number = str(api).removeprefix("v")
        raise InvalidRequest(
            f"record_type must be one that version {number} of the API has, which this client "
            f"uses, got {known!r}: {_REASONS[known]}. Version 3 has it: create the client with "
            'api="v3", or set SDANALYTICS_API=v3. Stored days can be read without a client: '
            "ReportCache.read"
        )
    return known


def list_tactics(record_type: str) -> tuple[str, ...]:
    """Return the tactics that the days of a record type are divided by.

    The tactic is known by the campaign: a report without campaign ids has `EVERY_TACTIC` only.
    """
    if "campaignId" in identity_columns(record_type):
        return TACTICS
    return (EVERY_TACTIC,)


def history_days(record_type: str, default: int) -> int:
    """Return the days of history that the service has: of most record types, `default`."""
    longest = _MAX_HISTORY_DAYS.get(record_type, default)
    return _HISTORY_DAYS.get(record_type, min(default, longest))
