"""What was asked for: checked, made canonical, split into day slices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

from sdanalytics._core.suggest import validate_choice
from sdanalytics.errors import InvalidRequest
from sdanalytics.model import metrics as catalogue
from sdanalytics.model.partition import Partition, report_name

DateLike = str | date
"""A calendar day: ``"2026-11-01"``, a `datetime.date`, a pandas or numpy timestamp."""

# Somewhere on Earth it may already be tomorrow: a day later than this is in the future
# whatever the profile's time zone.
_EARLIEST_ZONE = timedelta(hours=14)


@dataclass(frozen=True)
class ReportQuery:
    """What a call asks for. `ReportQuery.parse` makes one from whatever a user passes.

    Attributes
    ----------
    record_type : str
    start, end : datetime.date
        Inclusive days of the profile.
    metrics : tuple of str
        In the order asked, each once.
    tactics : tuple of str
    segment : str or None
    """

    record_type: str
    start: date
    end: date
    metrics: tuple[str, ...]
    tactics: tuple[str, ...]
    segment: str | None

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
        """Check and complete what a user asked for.

        Metrics are those that the version `api` has, ``"v2"`` or ``"v3"``; None: those of
        either, and version 2's usual ones.

        Raises
        ------
        InvalidRequest
            Naming every part that is wrong, and what would be right.
        """
        record_type = validate_choice("record_type", record_type, catalogue.RECORD_TYPES)
        segment = catalogue.validate_segment(segment, record_type)
        first = parse_day("start", start)
        last = first if end is None else parse_day("end", end)
        if last < first:
            raise InvalidRequest(f"end {last} is before start {first}; swap them")
        return cls(
            record_type=record_type,
            start=first,
            end=last,
            metrics=_metrics(metrics, record_type, segment, api),
            tactics=_tactics(tactic),
            segment=segment,
        )

    def __str__(self) -> str:
        report = report_name(self.record_type, self.segment)
        days = str(self.start) if self.end == self.start else f"{self.start} to {self.end}"
        tactics = "" if self.tactics == catalogue.TACTICS else f" {' '.join(self.tactics)}"
        return f"{report}{tactics} {days}"

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns that tell rows of one day and tactic apart."""
        return catalogue.identity_columns(self.record_type, self.segment)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns of the frame after `date` and `tactic`."""
        return tuple(dict.fromkeys(self.identity + self.metrics))

    @property
    def days(self) -> list[date]:
        """All days asked for, in order."""
        return [self.start + timedelta(n) for n in range((self.end - self.start).days + 1)]

    def partitions(self, source: str, profile_id: str) -> list[Partition]:
        """The day slices of one profile that make up the answer, in the frame's order."""
        return [
            Partition(source, profile_id, self.record_type, self.segment, tactic, day)
            for day in self.days
            for tactic in self.tactics
        ]

    def ensure_not_future(self, today: date, whose: str) -> None:
        """Raise `InvalidRequest` when a day is asked for that has not begun."""
        if self.end > today:
            raise InvalidRequest(
                f"{self.end} is in the future: today is {today} {whose}; "
                f"ask up to {today} (whose report is partial until the day is over). If it is "
                "another day, this machine's clock is wrong"
            )


def latest_local_date(now: datetime) -> date:
    """Today in the first time zone to reach it: no profile is further."""
    return (now.astimezone(UTC) + _EARLIEST_ZONE).date()


def parse_day(name: str, value: object) -> date:
    """`value` as a calendar day; the time of day of a timestamp is dropped.

    Raises
    ------
    InvalidRequest
        For anything else, and for timestamps with a time zone, whose day in the
        profile's zone may be another.
    """
    if isinstance(value, str):
        try:
            return datetime.strptime(value.strip(), "%Y-%m-%d").date()
        except ValueError:
            raise _no_day(name, value) from None
    given = value
    if type(value).__name__ == "datetime64":  # numpy's, without importing numpy for it
        value = value.astype("datetime64[s]").item()  # type: ignore[attr-defined]
    if not isinstance(value, date) or value != value:  # NaT is a datetime unequal to itself
        raise _no_day(name, given)
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            raise InvalidRequest(
                f"{name}={value} has a time zone; days are those of the profile's zone: "
                f"pass the day itself, such as {name}={str(value.date())!r}"
            )
        return value.date()
    return value


def _no_day(name: str, value: object) -> InvalidRequest:
    return InvalidRequest(
        f"{name}={value!r} is not a day; pass one such as '2026-11-01', a date or a Timestamp"
    )


def _tactics(tactic: object) -> tuple[str, ...]:
    if tactic is None:
        return catalogue.TACTICS
    chosen = {validate_choice("tactic", t, catalogue.TACTICS) for t in _names("tactic", tactic)}
    return tuple(t for t in catalogue.TACTICS if t in chosen)


def _metrics(
    metrics: object, record_type: str, segment: str | None, api: str | None
) -> tuple[str, ...]:
    if metrics is None:
        return catalogue.default_metrics(record_type, segment, api)
    return catalogue.validate_metrics(_names("metrics", metrics), record_type, segment, api)


def _names(parameter: str, value: object) -> list[object]:
    """One name or several, as a list."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, Iterable):
        raise InvalidRequest(f"{parameter}={value!r} is neither a name nor a list of names")
    names = list(value)
    if not names:
        raise InvalidRequest(f"{parameter} is empty; leave it out for the usual ones")
    return names
