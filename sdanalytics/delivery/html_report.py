"""`report`: the numbers of some days as one HTML file, for people without a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

from sdanalytics.analysis.recommend import parse_target
from sdanalytics.api.client import Client, default_client
from sdanalytics.api.config import validate_profile_id
from sdanalytics.delivery.account_findings import AccountFindings
from sdanalytics.delivery.account_frames import fetch_accounts
from sdanalytics.delivery.output_file import PathLike, open_output
from sdanalytics.delivery.report_page import (
    AccountSection,
    load_template,
    make_section,
    render_page,
)
from sdanalytics.delivery.report_span import ReportSpan
from sdanalytics.errors import InvalidRequest, NotConfigured, SDAnalyticsError
from sdanalytics.fetch.options import validate_client
from sdanalytics.model.query import DateLike
from sdanalytics.store.cache import CacheLike, open_cache, validate_cache

_MAX_PROFILES_WITH_FIGURES: Final = 20
"""With more profiles, a page with figures would be too large for browsers and mail."""

ReportedProfiles: TypeAlias = Literal["all"] | Iterable[int | str] | None
"""The values of the parameter `profiles`: all of the login, or some ids; None: the client's."""


def report(
    path: PathLike,
    start: DateLike,
    end: DateLike,
    *,
    profiles: ReportedProfiles = None,
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
    profiles : "all" or sequence of int or str, optional
        Profiles of the client's login, each with a part of its own behind a summary of all; by
        default the client's.
    client : Client, optional
        As in `fetch_report`.
    cache : ReportCache or path, optional
        As in `fetch_report`. Campaigns and targets of up to 60 days before the end are fetched,
        because final numbers, forecasts and recommendations learn from them, and the asins
        report of four weeks.
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

    Of each profile it has five sentences (sales and cost, ACOS, why, what to do, how sure), the main
    metrics, figures, and the campaigns and targets that are furthest from the target. With more
    than 20 profiles it has no figures. What the data do not allow is left out, and why is said.

    Results are expected final numbers where the store has enough days to learn from (`maturity`):
    intervals of 80 % are of what is still to come. Whether a change is within chance is another
    question: could the same long-run rates have brought both results? Its interval, of 90 %, has
    the errors of both rates, as in ``summarize(level=0.9)``, and of the final numbers. Of the change
    of sales it is that of ROAS, because the cost is known. Campaigns and targets are judged by
    their last four weeks (`recommend`); without a curve, by the last four of which all conversions
    have arrived.

    Examples
    --------
    >>> import sdanalytics as sda
    >>> sda.report("week.html", "2026-11-09", "2026-11-15")  # doctest: +SKIP
    PosixPath('week.html')
    """
    template = load_template()
    ids = _parse_profiles(profiles)
    validate_client(client)
    validate_cache(cache)
    if target_acos is not None:
        parse_target(target_acos, None)
    client = client or default_client()
    span = ReportSpan.parse(start, end, client.clock.now())
    with open_output(path, ".html") as temporary:
        clients = _choose_clients(client, ids)
        sections = _make_sections(clients, span, cache, target_acos)
        now = client.clock.now()
        with open(temporary, "w", encoding="utf-8") as file:
            file.writelines(render_page(template, sections, span, now))
    return Path(path)


def _parse_profiles(profiles: object) -> list[int] | Literal["all"] | None:
    """Return the ids that a user passed, each once."""
    if profiles is None:
        return None
    if isinstance(profiles, str) and profiles == "all":
        return "all"
    if isinstance(profiles, str) or not isinstance(profiles, Iterable):
        raise InvalidRequest(
            f"profiles must be 'all', a list of profile ids, or None, got {profiles!r}"
        )
    ids = dict.fromkeys(map(validate_profile_id, profiles))
    if not ids:
        raise InvalidRequest("profiles must name at least one profile, got none")
    return list(ids)


def _choose_clients(client: Client, ids: list[int] | Literal["all"] | None) -> list[Client]:
    """Return a client for each profile to report."""
    if ids is None:
        return [client]
    if ids == "all":
        ids = client.profiles()["profileId"].tolist()
        if not ids:
            raise NotConfigured(
                "this login can access no profile in this region: choose another region="
            )
    return [client.for_profile(profile_id) for profile_id in ids]


def _make_sections(
    clients: Sequence[Client], span: ReportSpan, cache: CacheLike, target_acos: float | None
) -> list[AccountSection]:
    """Fetch what is needed, and return each profile's part of the page.

    Raises
    ------
    SDAnalyticsError
        When there is nothing to report of any profile, and one of them failed.
    """
    has_figures = len(clients) <= _MAX_PROFILES_WITH_FIGURES
    sections = []
    errors: list[SDAnalyticsError] = []
    with open_cache(cache) as store:
        for account in fetch_accounts(clients, span, store):
            findings = AccountFindings.find(account, span, target_acos)
            sections.append(make_section(findings, has_figures=has_figures))
            errors += account.failures.values()
    has_any = any(section.has_activity for section in sections)
    if errors and not has_any:
        raise errors[0]
    return sections
