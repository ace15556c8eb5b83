"""The page of a report: everything in one HTML file, escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sdanalytics._version import __version__
from sdanalytics.delivery.account_findings import AccountFindings
from sdanalytics.delivery.account_frames import AccountFrames
from sdanalytics.delivery.report_figures import ReportFigure, draw_figures
from sdanalytics.delivery.report_sentences import write_sentences
from sdanalytics.delivery.report_span import ReportSpan
from sdanalytics.delivery.report_tables import ReportTable, make_tables
from sdanalytics.delivery.report_tiles import Tile, make_tiles
from sdanalytics.delivery.report_words import count_things, word_name, word_period, word_reason
from sdanalytics.errors import MissingDependency

_TEMPLATE: Final = "report.html"
_SUMMARIZED: Final = ("cost", "sales", "acos")
"""The metrics in the summary of all profiles."""


@dataclass(frozen=True)
class AccountSection:
    """Part of a page about a profile, in words.

    Attributes
    ----------
    anchor : str
    name : str
    about : str
    has_activity : bool
    sentences : list of str
    tiles : list of Tile
    figures : list of ReportFigure
    tables : list of ReportTable
    gaps : list of str
        What is missing, and why.
    notes : list of str
        What must be known about the numbers.
    """

    anchor: str
    name: str
    about: str
    has_activity: bool
    sentences: list[str]
    tiles: list[Tile]
    figures: list[ReportFigure]
    tables: list[ReportTable]
    gaps: list[str]
    notes: list[str]

    @property
    def summary(self) -> list[Tile | None]:
        """The tiles in the summary of all profiles; None for one that is not known."""
        by_label = {tile.label.lower(): tile for tile in self.tiles}
        return [by_label.get(metric) for metric in _SUMMARIZED]


def make_section(findings: AccountFindings, *, has_figures: bool) -> AccountSection:
    """Return a profile's part of the page."""
    figures = draw_figures(findings) if has_figures else []
    account = findings.account
    gaps = []
    for subject, reason in findings.gaps.items():
        gaps.append(f"Missing: {subject}. {word_reason(reason)}")
    return AccountSection(
        anchor=f"profile-{account.profile_id}",
        name=word_name(account.name),
        about=_describe_account(account),
        has_activity=findings.has_activity,
        sentences=write_sentences(findings),
        tiles=make_tiles(findings),
        figures=figures,
        tables=make_tables(findings),
        gaps=gaps,
        notes=[word_reason(note) for note in findings.notes],
    )


def _describe_account(account: AccountFrames) -> str:
    parts = [f"profile {account.profile_id}"]
    profile = account.profile
    if profile is not None:
        parts += [profile.country, profile.currency, f"days of {profile.timezone}"]
    known = map(word_name, filter(None, parts))
    return ", ".join(known)


def load_template() -> Any:
    """Return the template of the page, which escapes whatever is put into it.

    Raises
    ------
    MissingDependency
        When Jinja2 is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise MissingDependency.for_module("jinja2", "report") from error
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sdanalytics.delivery"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(_TEMPLATE)


def render_page(
    template: Any, sections: Sequence[AccountSection], span: ReportSpan, now: datetime
) -> Iterable[str]:
    """Yield the page in parts."""
    reported = sum(section.has_activity for section in sections)
    others = len(sections) - reported
    days = word_period(span.period.first, span.period.last)
    summary = f"{count_things(reported, 'profile')} with activity from {days}"
    if others:
        summary = f"{summary}; {count_things(others, 'profile')} without, or not fetched"
    parts: Iterable[str] = template.generate(
        title=f"Sponsored Display, {days}",
        before=word_period(span.before.first, span.before.last),
        summary=f"{summary}.",
        sections=sections,
        version=__version__,
        written=f"{now:%Y-%m-%d %H:%M} UTC",
    )
    return parts
