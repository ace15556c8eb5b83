"""The query of a call: its parameters, validated and in one form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Final

from sdanalytics._core.suggest import validate_choice
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.literals import RecordType, Segment
from sdanalytics.model.metric_validation import validate_metrics, validate_segment
from sdanalytics.model.metrics import (
    CAMPAIGN_FACTS,
    EVERY_TACTIC,
    TACTICS,
    default_metrics,
    identity_columns,
)
from sdanalytics.model.partition import Partition, report_name
from sdanalytics.model.record_types import list_tactics, validate_record_type

DateLike = str | date
"""A calendar day: ``"2026-11-01"``, a `datetime.date`, a pandas or numpy timestamp."""

_TACTIC_SYNONYMS: Final = {
    "contextual": "T00020",
    "product": "T00020",
    "products": "T00020",
    "audience": "T00030",
    "audiences": "T00030",
    "remarketing": "T00030",
}
_ONE_DAY: Final = timedelta(days=1)
# Somewhere on Earth it may already be tomorrow: a day later than this is in the future
# whatever the profile's time zone.
_MAX_UTC_OFFSET: Final = timedelta(hours=14)


@dataclass(frozen=True)
class ReportQuery:
    """The query of a call; `ReportQuery.parse` makes one from a user's arguments.

    Attributes
    ----------
    record_type : str
    start, end : datetime.date
        Inclusive days of the profile.
    metrics : tuple of str
        In the requested order, each once.
    tactics : tuple of str
        ``("all",)`` for a record type without tactics.
    segment : str or None
    has_default_metrics : bool
        Whether the user named no metrics.
    """

    record_type: RecordType
    start: date
    end: date
    metrics: tuple[str, ...]
    tactics: tuple[str, ...]
    segment: Segment | None
    has_default_metrics: bool = field(default=False, compare=False)

    @classmethod
    def parse(
        cls,
        record_type: str,
        start: DateLike,
        end: DateLike | None = None,
        *,
        metrics: Sequence[str] | None = None,
        tactic: str | Sequence[str] | None = None,
        segment: str | None = None,
        api: str | None = None,
    ) -> ReportQuery:
        """Validate and complete the parameters of a call.

        Metrics must be available in the version `api`, ``"v2"`` or ``"v3"``; None: in either,
        and the default ones are those of version 2.

        Raises
        ------
        InvalidRequest
            Naming each invalid parameter, and valid values.
        """
        known_type = validate_record_type(record_type, api)
        known_segment = validate_segment(segment, known_type)
        first = parse_day("start", start)
        last = first if end is None else parse_day("end", end)
        if last < first:
            raise InvalidRequest(f"end must not be before start {first}, got {last}; swap them")
        if metrics is None:
            chosen_metrics = default_metrics(known_type, known_segment, api)
        else:
            names = _as_name_list("metrics", metrics)
            chosen_metrics = validate_metrics(names, known_type, known_segment, api)
        return cls(
            record_type=known_type,
            start=first,
            end=last,
            metrics=chosen_metrics,
            tactics=_parse_tactics(tactic, known_type),
            segment=known_segment,
            has_default_metrics=metrics is None,
        )

    def __str__(self) -> str:
        parts = [report_name(self.record_type, self.segment)]
        if self.tactics != list_tactics(self.record_type):
            parts += self.tactics
        parts.append(str(self.start))
        if self.end != self.start:
            parts.append(f"to {self.end}")
        return " ".join(parts)

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns that identify a row within a day and tactic."""
        return identity_columns(self.record_type, self.segment)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns of the frame after `date` and `tactic`."""
        columns = (*self.identity, *self.metrics)
        return tuple(dict.fromkeys(columns))

    @cached_property
    def stored_columns(self) -> tuple[str, ...]:
        """The columns that a stored day must have: all but facts of campaigns, which are joined."""
        identity = self.identity
        names = []
        for name in self.columns:
            if name in identity or name not in CAMPAIGN_FACTS:
                names.append(name)
        return tuple(names)

    @property
    def days(self) -> list[date]:
        """All days from `start` to `end`."""
        days = []
        day = self.start
        while day <= self.end:
            days.append(day)
            day += _ONE_DAY
        return days

    def partitions(self, source: str, profile_id: str) -> list[Partition]:
        """Return the partitions of a profile that the frame consists of, in its order."""
        partitions = []
        for day in self.days:
            for tactic in self.tactics:
                partition = Partition(
                    source=source,
                    profile_id=profile_id,
                    record_type=self.record_type,
                    segment=self.segment,
                    tactic=tactic,
                    date=day,
                )
                partitions.append(partition)
        return partitions

    def ensure_not_future(self, today: date, where: str, last: date | None = None) -> None:
        """Raise `InvalidRequest` if the last day has not begun.

        Parameters
        ----------
        today : datetime.date
        where : str
            Where it is `today`, for the message.
        last : datetime.date, optional
            The last day that has certainly begun, for the message; `today` by default.
        """
        if self.end > today:
            raise InvalidRequest(
                f"{self.end} is in the future: today is {today} {where}; request days up to "
                f"{last or today} (its report is partial until the day is over). "
                "If today is another day, the clock of this machine is wrong"
            )


def latest_local_date(now: datetime) -> date:
    """Return the date in the time zone that is furthest ahead: no profile has a later one."""
    local = now.astimezone(UTC) + _MAX_UTC_OFFSET
    return local.date()


def parse_day(parameter: str, value: object) -> date:
    """Parse a calendar day; the time of day of a timestamp is dropped.

    Raises
    ------
    InvalidRequest
        For anything else, and for timestamps with a time zone: their day in the profile's
        zone may be another one.
    """
    if isinstance(value, str):
        return _parse_iso_day(parameter, value)
    day = value
    if type(value).__name__ == "datetime64":  # numpy's, without importing numpy for it
        day = value.astype("datetime64[s]").item()  # type: ignore[attr-defined]
    if not isinstance(day, date) or _is_nat(day):
        raise _invalid_day(parameter, value)
    if isinstance(day, datetime):
        _reject_time_zone(parameter, day)
        return day.date()
    return day


def _is_nat(day: date) -> bool:
    """Return whether this is pandas' missing timestamp: a datetime unequal to itself."""
    return day != day


def _parse_iso_day(parameter: str, text: str) -> date:
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d").date()
    except ValueError:
        raise _invalid_day(parameter, text) from None


def _reject_time_zone(parameter: str, moment: datetime) -> None:
    if moment.tzinfo is not None:
        day = str(moment.date())
        raise InvalidRequest(
            f"{parameter} must have no time zone, got {moment}; days are those of the "
            f"profile's zone: pass the day itself, such as {parameter}={day!r}"
        )


def _invalid_day(parameter: str, value: object) -> InvalidRequest:
    return InvalidRequest(
        f"{parameter} must be a day such as '2026-11-01', a date or a Timestamp, got {value!r}"
    )


def _parse_tactics(tactic: object, record_type: str) -> tuple[str, ...]:
    if tactic is None:
        return list_tactics(record_type)
    names = _as_name_list("tactic", tactic)
    if list_tactics(record_type) == (EVERY_TACTIC,):
        return _parse_undivided(tactic, names, record_type)
    chosen = {validate_choice("tactic", name, TACTICS, _TACTIC_SYNONYMS) for name in names}
    return tuple(sorted(chosen, key=TACTICS.index))


def _parse_undivided(tactic: object, names: list[object], record_type: str) -> tuple[str, ...]:
    """Return the tactic of a report that is not divided by tactic, if it is the one named."""
    if any(name != EVERY_TACTIC for name in names):
        raise InvalidRequest(
            f"tactic must be left out for {record_type}, got {tactic!r}: its rows are of both "
            "tactics, without the campaign ids by which they could be told apart"
        )
    return (EVERY_TACTIC,)


def _as_name_list(parameter: str, value: object) -> list[object]:
    """Return one name or several as a list."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, Iterable):
        raise InvalidRequest(f"{parameter} must be a name or a list of names, got {value!r}")
    names = list(value)
    if not names:
        raise InvalidRequest(f"{parameter} must not be empty; leave it out for the default")
    return names
