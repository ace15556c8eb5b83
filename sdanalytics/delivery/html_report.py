"""`report`: the numbers of some days as one HTML file, for people without a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from sdanalytics.analysis.recommend import parse_target
from sdanalytics.api.client import Client, default_client
from sdanalytics.delivery.account_findings import AccountFindings
from sdanalytics.delivery.account_frames import fetch_reports, read_account
from sdanalytics.delivery.output_file import PathLike, open_output
from sdanalytics.delivery.report_page import (
    AccountSection,
    load_template,
    make_section,
    render_page,
)
from sdanalytics.delivery.report_span import ReportSpan
from sdanalytics.errors import SDAnalyticsError
from sdanalytics.fetch.options import validate_client
from sdanalytics.fetch.profile_choice import ProfileChoice, ProfilesLike
from sdanalytics.fetch.protocols import count_history_days
from sdanalytics.model.query import DateLike
from sdanalytics.store.cache import CacheLike, ReportCache, open_cache, validate_cache

_MAX_PROFILES_WITH_FIGURES: Final = 20
"""With more profiles, a page with figures would be too large for browsers and mail."""


def report(
    path: PathLike,
    start: DateLike,
    end: DateLike,
    *,
    profiles: ProfilesLike | None = None,
    client: Client | None = None,
    cache: CacheLike = None,
    target_acos: float | None = None,
) -> Path:
    """Write what happened in some days, why, and what to do, as one HTML file.

    Parameters
    ----------
    path : str or path
        A file that ends in ``.html``; one that is there is replaced, whole or not at all.
    start, end : str, date or Timestamp
        The days reported, inclusive, of each profile's time zone: best whole weeks. They are
        compared with as many days before.
    profiles : "all", sequence of int or str, or callable, optional
        As in `fetch_report`: each profile has a part of its own behind a summary of all. By default
        the client's profile alone.
    client : Client, optional
        As in `fetch_report`.
    cache : ReportCache or path, optional
        As in `fetch_report`. Campaigns and targets of up to 60 days before the end are fetched,
        because final numbers, forecasts and recommendations learn from them, and the asins
        report of four weeks. Days that the service no longer has are read from it alone; the page
        notes which are not stored.
    target_acos : float, optional
        A fraction: 0.3 for 30 %. By default campaigns and targets are judged by the account's own
        ACOS of the last four weeks.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    MissingDependency
        When Jinja2 is not installed (the extra ``report``).
    InvalidRequest, NotConfigured
        When the file cannot be written, or an argument is invalid: before any request.
    SDAnalyticsError
        When nothing of any profile is stored or can be fetched: as `fetch_report`. If there is
        anything, the page says what could not be fetched, and why.

    Notes
    -----
    The page needs no network and runs no script; names are text, whatever they contain. It follows
    the reader's choice of light or dark, and prints.

    Of each profile it has five sentences (sales and cost, ACOS, why, what to do, how sure), the
    main metrics, figures, and the campaigns and targets that are furthest from the target. With
    more than 20 profiles it has no figures. What the data do not allow is left out, and the page
    says why.

    Results are expected final numbers where the store has enough days to learn from (`maturity`):
    intervals of 80 % are of what is still to come. Whether a change is within chance is another
    question: could the same long-run rates have brought both results? Its interval, of 90 %, has
    the errors of both rates, as in ``summarize(level=0.9)``, and those of final numbers
    (`sdanalytics.analysis.rate_changes`). The change of sales has that of ROAS, because the cost
    is known. Campaigns and targets are judged by their last four weeks (`recommend`); without a
    curve, by the last four of which all conversions have arrived.

    Examples
    --------
    >>> import sdanalytics as sda
    >>> with sda.sandbox.start() as sandbox:
    ...     day = sandbox.today
    ...     path = sda.report("day.html", day, day, client=sandbox.client, cache=False)
    >>> path.name
    'day.html'
    """
    written = write_report(
        path,
        start,
        end,
        profiles=profiles,
        client=client,
        cache=cache,
        target_acos=target_acos,
    )
    return written.path


class WrittenReport(NamedTuple):
    """A report that was written.

    Attributes
    ----------
    path : pathlib.Path
    missing : list of str
        What could not be fetched, and why; the page says it, too.
    """

    path: Path
    missing: list[str]


def write_report(
    path: PathLike,
    start: DateLike,
    end: DateLike,
    *,
    profiles: ProfilesLike | None,
    client: Client | None,
    cache: CacheLike,
    target_acos: float | None,
) -> WrittenReport:
    """Write a report (see `report`), and return what is missing in it."""
    template = load_template()
    validate_client(client)
    validate_cache(cache)
    if profiles is not None:
        profiles = ProfileChoice.parse(profiles).ids or profiles
    if target_acos is not None:
        parse_target(target_acos, None)
    client = client or default_client()
    history_days = count_history_days(client, "campaigns")
    span = ReportSpan.parse(start, end, client.clock.now(), history_days)
    with open_output(path, ".html") as temporary:
        with open_cache(cache) as store:
            sections = _make_sections(client, profiles, span, store, target_acos)
        page = render_page(template, sections, span, client.clock.now())
        with open(temporary, "w", encoding="utf-8") as file:
            file.writelines(page)
    missing: list[str] = []
    for section in sections:
        missing += section.failures
    return WrittenReport(Path(path), missing)


def _make_sections(
    client: Client,
    profiles: ProfilesLike | None,
    span: ReportSpan,
    store: ReportCache,
    target_acos: float | None,
) -> list[AccountSection]:
    """Fetch what is needed, and return each profile's part of the page.

    Raises
    ------
    SDAnalyticsError
        When there is nothing to report of any profile, and one of them failed.
    """
    fetched = fetch_reports(client, profiles, span, store)
    has_figures = len(fetched.profile_ids) <= _MAX_PROFILES_WITH_FIGURES
    sections = []
    errors: list[SDAnalyticsError] = []
    for profile_id in fetched.profile_ids:
        account = read_account(client.for_profile(profile_id), fetched, span, store)
        findings = AccountFindings.find(account, span, target_acos)
        sections.append(make_section(findings, has_figures=has_figures))
        errors += [*account.failures.values(), *account.too_old.values()]
    has_any = any(section.has_activity for section in sections)
    if errors and not has_any:
        raise errors[0]
    return sections
