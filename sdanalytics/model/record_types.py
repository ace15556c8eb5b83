"""Record types: the versions of the API that have them, their tactics and their history."""

from __future__ import annotations

from typing import Final

from sdanalytics._core.suggest import validate_choice
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.literals import RecordType
from sdanalytics.model.metrics import EVERY_TACTIC, RECORD_TYPES, TACTICS, identity_columns

_ONLY_IN_V3: Final = ("invalidTraffic",)
_HISTORY_DAYS: Final = {"invalidTraffic": 365}
"""Days of history that the service has, for record types that differ from the others."""


def list_record_types(api: str | None = None) -> tuple[RecordType, ...]:
    """Return the record types that a version of the API has; None: that either has."""
    if api == "v2":
        return tuple(name for name in RECORD_TYPES if name not in _ONLY_IN_V3)
    return RECORD_TYPES


def validate_record_type(record_type: object, api: str | None = None) -> RecordType:
    """Return `record_type` if the version of the API has it (None: either has).

    Raises
    ------
    InvalidRequest
        Otherwise; the message names the record types, or the version that has it.
    """
    known: RecordType = validate_choice("record_type", record_type, RECORD_TYPES)
    if known not in list_record_types(api):
        raise InvalidRequest(
            f"{known} is a report of version 3 of the API only, and this client uses version 2: "
            'create it with api="v3", or set SDANALYTICS_API=v3. Stored days can be read without '
            "a client: ReportCache.read"
        )
    return known


def list_tactics(record_type: str) -> tuple[str, ...]:
    """Return the tactics that the days of a record type are divided by.

    The tactic is known by the campaign: a report without campaign ids has `EVERY_TACTIC` only.
    """
    return TACTICS if "campaignId" in identity_columns(record_type) else (EVERY_TACTIC,)


def history_days(record_type: str, default: int) -> int:
    """Return the days of history that the service has: of most record types, `default`."""
    return _HISTORY_DAYS.get(record_type, default)
