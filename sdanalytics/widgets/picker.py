"""`ReportPicker`: the same call as `fetch_report`, made by menus, dates and buttons."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import partial
from itertools import groupby
from typing import Any, Final, Literal

import ipywidgets as ipw
import pandas as pd

from sdanalytics._core.deadline import Deadline
from sdanalytics.api.client import Client
from sdanalytics.errors import Cancelled, InvalidRequest, SDAnalyticsError
from sdanalytics.fetch.fetch_run import FetchRun, validate_client
from sdanalytics.fetch.job import ReportJob
from sdanalytics.fetch.plan import Action
from sdanalytics.fetch.progress import Progress
from sdanalytics.fetch.protocols import PROTOCOLS
from sdanalytics.model.metrics import (
    MATCHED_TARGET,
    RECORD_TYPES,
    TACTICS,
    default_metrics,
    segmented_record_types,
)
from sdanalytics.model.profile import Profile
from sdanalytics.model.query import ReportQuery
from sdanalytics.store.cache import ReportCache, internal_store, open_cache, validate_cache
from sdanalytics.widgets.components import (
    alert_html,
    button,
    close_tree,
    code_block,
    date_picker,
    dropdown,
    hbox,
    heading,
    status_html,
)
from sdanalytics.widgets.metric_selector import MetricSelector
from sdanalytics.widgets.result_view import ResultView

Cache = ReportCache | str | os.PathLike[str] | Literal[False] | None

# No option's value is None: for a menu that means that nothing is selected.
BOTH: Final = "both"
NONE: Final = "none"

_SPANS: Final = (7, 14, 30)
_MOST_DAYS: Final = 366
_PROFILES_LIMIT: Final = 5.0
"""Seconds in which the profiles must be listed before the picker opens without."""
_LINE: Final = 88
_ACTIONS: Final[dict[Action, str]] = {
    "store": "in the store",
    "create": "to fetch",
    "being built": "being built",
    "gone": "no longer at Amazon",
}
_MEANINGS: Final = {"T00020": "contextual targeting", "T00030": "audiences"}


class ReportPicker(ipw.VBox):  # type: ignore[misc]
    """Choose a report, fetch it in the background, look at it.

    Parameters
    ----------
    client : Client, optional
        By default `Client.from_env()`.
    cache : ReportCache or path, optional
        As in `fetch_report`.

    Attributes
    ----------
    profile, record_type, tactic, segment : ipywidgets.Dropdown
        Values are those of `fetch_report`; ``"both"`` tactics, ``"none"`` of the segments.
    start, end : ipywidgets.DatePicker
        Inclusive days of the profile.
    metrics : MetricChoice
        Its `value` is a tuple of names.
    spans : list of ipywidgets.Button
        The last 7, 14 and 30 days.
    days : ipywidgets.HTML
        Which of the days are in the store.
    fetch_button, cancel_button : ipywidgets.Button
    progress : ipywidgets.IntProgress
        Reports that are there, of all that the call needs.
    status, remark : ipywidgets.HTML
        How it is going, and errors, in words; why a button did nothing.
    result : ResultView
        The table and the plot.
    code_shown : ipywidgets.HTML
        `code`, to copy.
    data : pandas.DataFrame or None
        What was fetched last, as `fetch_report` gives it.

    Raises
    ------
    NotConfigured
        Without a client, and without the environment variables for one.

    Examples
    --------
    >>> import sdanalytics as sda
    >>> with sda.sandbox.start() as sandbox:
    ...     picker = sda.ReportPicker(sandbox.client, cache=False)
    ...     picker.record_type.value = "asins"
    ...     picker.fetch()
    ...     arrived = picker.wait(60)
    >>> arrived, "otherAsin" in picker.data
    (True, True)
    """

    _job: ReportJob | None = None
    _quiet = True
    _fetched: ReportQuery | None = None

    def __init__(self, client: Client | None = None, cache: Cache = None) -> None:
        validate_client(client)
        validate_cache(cache)
        self._given = client
        self._client = client or Client.from_env()
        self._cache = cache
        self._shown = threading.Event()
        self.data: pd.DataFrame | None = None
        self._make_choices()
        self._make_results()
        super().__init__(
            [
                hbox(self.profile, self.record_type, self.tactic, self.segment),
                hbox(self.start, self.end, *self.spans),
                self.days,
                heading("Metrics"),
                self.metrics,
                hbox(self.fetch_button, self.cancel_button, self.progress),
                self.status,
                self.remark,
                self.result,
                self.code_shown,
            ],
            layout={"width": "100%"},
        )
        self.add_class("sdanalytics-picker")
        self._choose_report()
        self._take_span(14)
        self._connect()

    @property
    def query(self) -> ReportQuery:
        """What is chosen.

        Raises
        ------
        InvalidRequest
            When it makes no sense: no metric, the last day before the first or in the future.
        """
        if not self.metrics.value:
            raise InvalidRequest("no metric is chosen: tick some, or take a preset")
        self._check_days()
        query = ReportQuery.parse(
            self.record_type.value,
            self.start.value,
            self.end.value,
            metrics=self.metrics.value,
            tactic=None if self.tactic.value == BOTH else self.tactic.value,
            segment=self._segment,
            api=self._client.api,
        )
        query.ensure_not_future(self._today(), f"in {self._profile().timezone}")
        return query

    def _check_days(self) -> None:
        """Refuse what is no range yet: a date field has odd years while one is being typed."""
        for name, choice in (("first", self.start), ("last", self.end)):
            if choice.value is None:
                raise InvalidRequest(f"choose the {name} day")
        days = (self.end.value - self.start.value).days + 1
        if days > _MOST_DAYS:
            raise InvalidRequest(
                f"{self.start.value} to {self.end.value} are {days:,} days; choose up to "
                f"{_MOST_DAYS}, or call fetch_report for more"
            )

    @property
    def code(self) -> str:
        """Python that gives the frame of what is chosen.

        The client that the picker was given is called `client` there.
        """
        query = self.query
        words = [json.dumps(str(each)) for each in (query.record_type, query.start, query.end)]
        usual = default_metrics(query.record_type, query.segment, self._client.api)
        if query.metrics != usual:
            first, *others = (json.dumps(name) for name in query.metrics)
            words += [f"metrics=[{first}", *others]
            words[-1] += "]"
        if self.tactic.value != BOTH:
            words.append(f"tactic={json.dumps(self.tactic.value)}")
        if query.segment is not None:
            words.append(f"segment={json.dumps(query.segment)}")
        words += [*self._client_code(), *self._cache_code()]
        return "import sdanalytics as sda\n" + _wrapped("df = sda.fetch_report(", words)

    def fetch(self) -> None:
        """Begin to fetch what is chosen; `wait` waits for it."""
        self.remark.value = ""
        if self._job is not None and self._job.is_running:
            self.remark.value = status_html(
                "Still cancelling: press Fetch again in a moment"
                if self._job.is_cancelled
                else "A fetch is running: wait for it, or press Cancel before you fetch anew"
            )
            return
        deadline = Deadline(self._client.clock, PROTOCOLS[self._client.api].timeout)
        meter = partial(_Meter, self, clock=self._client.clock)
        try:
            query = self.query
            client = self._client.for_profile(self.profile.value)
        except SDAnalyticsError as error:
            self.status.value = alert_html(str(error))
            return
        self.progress.value, self.progress.bar_style = 0, "info"
        self.status.value = status_html("Asking for reports ...")
        self._shown.clear()
        self._job = ReportJob(query, client, self._cache, "auto", deadline, meter)
        self._job.add_done_callback(self._ended)
        self._job.start()

    def cancel(self) -> None:
        """End the fetch that is running; what has arrived is stored."""
        self.remark.value = ""
        if self._job is None or not self._job.is_running:
            self.remark.value = status_html("There is nothing to cancel")
            return
        self.status.value = status_html("Cancelling ...")
        self._job.cancel()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until nothing is being fetched; whether that came within so many seconds."""
        return self._job is None or self._shown.wait(seconds)

    def close(self) -> None:
        """Cancel what is running, and close the widget."""
        if self._job is not None and self._job.is_running:
            self._job.cancel()
        if self.comm is None:  # never shown to anybody, or closed before
            return
        self.metrics.close()
        close_tree(self)

    def __repr__(self) -> str:
        days = f"{self.start.value} to {self.end.value}"
        return f"ReportPicker({self.record_type.value}, {days}, profile {self.profile.value})"

    def _make_choices(self) -> None:
        self._profiles, last_error = _profiles(self._client)
        own = self._client.profile_id
        names = [(_title(p), p.profile_id) for p in self._profiles.values()]
        self.profile = dropdown("Profile", names or [(own, own)], "Whose reports", "28em")
        self.profile.value = own if own in self._profiles or not names else names[0][1]
        if names and own not in self._profiles:
            last_error = f"profile {own} is not among those of this login: the first one is chosen"
        self.record_type = dropdown(
            "Report", RECORD_TYPES, "What a row of the report is about", "14em"
        )
        tactics = [(f"{name}: {_MEANINGS[name]}", name) for name in TACTICS]
        self.tactic = dropdown(
            "Tactic", [(BOTH, BOTH), *tactics], "How the ads were targeted", "20em"
        )
        self.segment = dropdown("Segment", [NONE], "Rows split by the page of the click", "14em")
        self.start = date_picker("From", "First day, in the profile's time zone")
        self.end = date_picker("To", "Last day, inclusive")
        self.spans = [
            button(f"Last {span} days", f"The {span} days before today, where the profile is")
            for span in _SPANS
        ]
        self.days = ipw.HTML()
        self.metrics = MetricSelector()
        self.remark = ipw.HTML()
        self.status = ipw.HTML(
            alert_html(last_error) if last_error else status_html("Nothing fetched yet")
        )

    def _make_results(self) -> None:
        self.fetch_button = button("Fetch", "Fetch what is chosen", style="primary")
        self.cancel_button = button("Cancel", "End the fetch that is running")
        self.progress = ipw.IntProgress(
            max=1, description="Reports", tooltip="Reports that are there",
            layout={"width": "16em"}, style={"description_width": "5em"},
        )  # fmt: skip
        self.result = ResultView()
        self.code_shown = ipw.HTML()

    def _connect(self) -> None:
        for menu_of_report in (self.record_type, self.segment):
            menu_of_report.observe(self._choose_report, "value")
        for choice in (self.profile, self.tactic, self.start, self.end, self.metrics):
            choice.observe(self._chosen, "value")
        for span, choose in zip(_SPANS, self.spans, strict=True):
            choose.on_click(partial(self._take_span, span))
        self.fetch_button.on_click(lambda _: self.fetch())
        self.cancel_button.on_click(lambda _: self.cancel())

    def _take_span(self, span: int, _: Any = None) -> None:
        today = self._today()
        self._quiet = True  # between the two there is no range
        self.start.value, self.end.value = today - timedelta(span), today - timedelta(1)
        self._quiet = False
        self._chosen()

    def _choose_report(self, _: Any = None) -> None:
        """Offer what the record type has; what was chosen stays as far as it applies."""
        able = self.record_type.value in segmented_record_types()
        segment = self.segment.value if able else NONE
        options = [NONE, MATCHED_TARGET] if able else [NONE]
        if len(options) != len(self.segment.options):
            self.segment.options = options
            self.segment.value = segment
        self.segment.disabled = not able
        self.metrics.offer(self.record_type.value, self._segment, self._client.api)
        self._chosen()

    def _chosen(self, _: Any = None) -> None:
        """Say what fetching would do, and how it is written."""
        if self._quiet:
            return
        self.result.head(is_chosen=self._is_shown())
        try:
            query = self.query
            self.days.value = status_html(self._what_is_stored(query))
            self.code_shown.value = code_block(self.code)
        except SDAnalyticsError as error:
            self.days.value = alert_html(str(error))
            self.code_shown.value = ""

    def _is_shown(self) -> bool:
        """Whether the result is what the menus say."""
        try:
            query = self.query
        except SDAnalyticsError:
            return False
        notes = {} if self.data is None else self.data.attrs["sdanalytics"]
        return query == self._fetched and notes.get("profile_id") == self.profile.value

    def _what_is_stored(self, query: ReportQuery) -> str:
        zone = self._profile().timezone
        every = f"{len(query.days)} {'days' if len(query.days) > 1 else 'day'} ({zone})"
        if self._cache is False:
            return f"{every}; nothing is stored (cache=False)"
        client = self._client.for_profile(self.profile.value)
        deadline = Deadline(client.clock, PROTOCOLS[client.api].timeout)
        with open_cache(self._cache) as cache:
            store = internal_store(cache)
            plan = FetchRun(query, client, self._profile(), store, "auto", deadline).plan()
        days: dict[str, set[date]] = {action: set() for action in _ACTIONS}
        for step in plan.steps:
            days[step.action].add(step.partition.date)
        days["store"] -= days["create"] | days["being built"] | days["gone"]
        told = [f"{words}: {_ranges(days[act])}" for act, words in _ACTIONS.items() if days[act]]
        return "; ".join([every, *told])

    @property
    def _segment(self) -> str | None:
        return None if self.segment.value == NONE else self.segment.value

    def _today(self) -> date:
        return self._client.clock.now().astimezone(self._profile().zone).date()

    def _profile(self) -> Profile:
        """The facts of the chosen profile; of one that could not be listed, days are UTC's."""
        unknown = Profile(self.profile.value, "", "", "UTC", "", "")
        return self._profiles.get(self.profile.value, unknown)

    def _ended(self, job: ReportJob) -> None:
        """Show how a fetch has ended; what a newer one has begun to show stays."""
        if job is not self._job:
            return
        try:
            self._conclude(job)
        finally:
            self._shown.set()

    def _conclude(self, job: ReportJob) -> None:
        try:
            frame = job.result()
        except Exception as error:
            self.progress.bar_style = "warning"
            end = _trouble(error)
        else:
            self.progress.bar_style = "success"
            self.data, self._fetched = frame, job.query
            self.progress.value = self.progress.max
            self.status.value = status_html("Drawing ...")
            self.result.show(frame)
            end = status_html(_summary_of(frame))
        self._chosen()
        self.status.value = end

    def _client_code(self) -> list[str]:
        name = "sda.Client.from_env()" if self._given is None else "client"
        if self.profile.value != self._client.profile_id:
            return [f"client={name}.for_profile({self.profile.value})"]
        return [] if self._given is None else [f"client={name}"]

    def _cache_code(self) -> list[str]:
        if self._cache is None or self._cache is False:
            return [] if self._cache is None else ["cache=False"]
        place = self._cache.url if isinstance(self._cache, ReportCache) else self._cache
        return [f"cache={os.fspath(place)!r}"]


class _Meter(Progress):
    """Shows the progress of a call on a picker."""

    def __init__(self, picker: ReportPicker, total: int, cached: int, clock: Any) -> None:
        super().__init__("", total, cached, show=True, clock=clock)
        self._picker = picker

    def put(self, done: int, words: str) -> None:
        """Show it on the picker's bar and status."""
        bar = self._picker.progress
        bar.max, bar.value = max(self.total, 1), done
        if self._picker._job is not None and not self._picker._job.is_cancelled:
            self._picker.status.value = status_html(f"{done} of {self.total} reports; {words}")


def _profiles(client: Client) -> tuple[dict[str, Profile], str]:
    """The profiles of the login by id; what went wrong, if they cannot be listed."""
    known, last_error = {}, ""
    try:
        documents = client.within(Deadline(client.clock, _PROFILES_LIMIT)).list_profiles()
    except SDAnalyticsError as error:
        return {}, f"the profiles cannot be listed: {error}"
    for document in documents:
        try:
            profile = Profile.from_api(document)
        except SDAnalyticsError as error:
            last_error = str(error)
        else:
            known[profile.profile_id] = profile
    return known, last_error


def _trouble(error: Exception) -> str:
    """How a fetch has ended that brought no frame, in words."""
    if isinstance(error, Cancelled):
        return status_html("Cancelled. What had arrived is stored; fetch again for the rest")
    unexpected = "" if isinstance(error, SDAnalyticsError) else "Unexpected: "
    return alert_html(f"{unexpected}{type(error).__name__}: {error}")


def _title(profile: Profile) -> str:
    return f"{profile.account_name} · {profile.country} · {profile.profile_id}"


def _summary_of(frame: pd.DataFrame) -> str:
    facts = frame.attrs["sdanalytics"]
    told = f"{len(frame):,} rows; {facts['days_fetched']} days fetched, "
    told += f"{facts['days_from_cache']} from the store"
    for key, what in (("traffic_restatable_from", "traffic"), ("restatable_from", "results")):
        if facts[key]:
            told += f"; {what} from {facts[key]} on may still change"
    return told


def _wrapped(opening: str, words: Sequence[str]) -> str:
    """A call over as many lines as it takes; no word is cut."""
    lines = [opening]
    for number, word in enumerate(words):
        end = ")" if number == len(words) - 1 else ","
        gap = "" if lines[-1].endswith(("(", "    ")) else " "
        if len(lines[-1]) + len(gap) + len(word) + 1 > _LINE:
            lines.append("    ")
            gap = ""
        lines[-1] += gap + word + end
    return "\n".join(lines)


def _ranges(days: Iterable[date]) -> str:
    """Days in as few words as can be: runs of them by their ends."""
    told = []
    for _, run in groupby(enumerate(sorted(days)), key=lambda pair: pair[1].toordinal() - pair[0]):
        members = [each for _, each in run]
        ends = f"{members[0]} to {members[-1]}" if len(members) > 1 else str(members[0])
        told.append(ends)
    return ", ".join(told)
