"""The menus of the picker: profile, report, days and metrics."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import ipywidgets as ipw

from sdanalytics.model.last_days import list_last_days
from sdanalytics.model.metrics import (
    MATCHED_TARGET,
    TACTICS,
    segmented_record_types,
)
from sdanalytics.model.partition import NO_SEGMENT
from sdanalytics.model.record_types import list_record_types, list_tactics
from sdanalytics.widgets.components import (
    alert_html,
    button,
    checkbox,
    date_picker,
    dropdown,
    hbox,
    joined_buttons,
    show_widget,
    status_html,
)
from sdanalytics.widgets.metric_selector import MetricSelector
from sdanalytics.widgets.picker_model import PickerModel, PickerSelection, SelectionState

BOTH_TACTICS: Final = "both"
"""The option for no single tactic: a menu takes None for no selection at all."""
QUICK_RANGE_DAYS: Final = (7, 14, 30)
DEFAULT_DAYS: Final = 14

_TACTIC_MEANINGS: Final = {"T00020": "contextual targeting", "T00030": "audiences"}


class SelectionForm(ipw.VBox):  # type: ignore[misc]
    """Menus, date fields and checkboxes that select a report.

    Parameters
    ----------
    model : PickerModel

    Attributes
    ----------
    profile, record_type, tactic, segment : ipywidgets.Dropdown
    start, end : ipywidgets.DatePicker
    quick_ranges : list of ipywidgets.Button
    availability : ipywidgets.HTML
        Where the days would be read from, or why they cannot be had. Not a child: it is placed
        by whoever uses the form.
    metrics : MetricSelector
    compare : ipywidgets.Checkbox
        Whether the period before is fetched and compared.
    """

    def __init__(self, model: PickerModel) -> None:
        self._model = model
        self._is_suspended = False
        self._last_days: int | None = None
        self._callbacks: list[Callable[[], None]] = []
        self._create_menus()
        self._create_date_fields()
        self.availability = ipw.HTML()
        self.metrics = MetricSelector()
        self.compare = checkbox(
            "Compare with the period before", "As many days, up to the first one", value=False
        )
        super().__init__(
            [
                hbox(
                    self.profile,
                    self.record_type,
                    self.tactic,
                    self.segment,
                ),
                hbox(
                    self.start,
                    self.end,
                    joined_buttons(*self.quick_ranges),
                    self.compare,
                    self.metrics.bar,
                ),
                self.metrics,
            ]
        )
        self.add_class("sdanalytics-form")
        self._on_report()
        self._set_last_days(DEFAULT_DAYS)
        self._observe_fields()

    @property
    def selection(self) -> PickerSelection:
        """The values of all fields."""
        has_tactic = self._has_tactics and self.tactic.value != BOTH_TACTICS
        return PickerSelection(
            profile_id=self.profile.value,
            record_type=self.record_type.value,
            tactic=self.tactic.value if has_tactic else None,
            segment=self._segment,
            start=self.start.value,
            end=self.end.value,
            metrics=self.metrics.value,
            last_days=self._last_days,
        )

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever the selection has changed."""
        self._callbacks.append(callback)

    def show_state(self, state: SelectionState) -> None:
        """Say where the days would be read from, or why they cannot be had."""
        self.compare.disabled = bool(state.problem or state.comparison_problem)
        if state.problem:
            text = f"{state.availability} {state.problem}".strip()
            self.availability.value = alert_html(text)
            return
        parts = [state.availability, state.comparison_problem]
        self.availability.value = status_html(". ".join(filter(None, parts)))

    def _observe_fields(self) -> None:
        for menu in (self.record_type, self.segment):
            menu.observe(self._on_report, "value")
        for field in (self.profile, self.tactic, self.metrics):
            field.observe(self._on_field, "value")
        for field in (self.start, self.end):
            field.observe(self._on_day, "value")

    def _create_menus(self) -> None:
        self.profile = dropdown("Profile", self._model.profile_options, "The advertiser")
        self.profile.value = self._model.default_profile_id
        reports = list_record_types(self._model.api)
        self.record_type = dropdown("Report", reports, "What the rows are about")
        tactics = [(BOTH_TACTICS, BOTH_TACTICS)]
        for tactic in TACTICS:
            title = f"{tactic}: {_TACTIC_MEANINGS[tactic]}"
            tactics.append((title, tactic))
        self.tactic = dropdown("Tactic", tactics, "How the ads were targeted")
        self.segment = dropdown("Segment", [NO_SEGMENT], "Split by the page of the click")

    def _create_date_fields(self) -> None:
        self.start = date_picker("From", "First day, in the profile's time zone")
        self.end = date_picker("To", "Last day, inclusive")
        self.quick_ranges = []
        for days in QUICK_RANGE_DAYS:
            tooltip = f"The {days} days before today, where the profile is"
            quick_range = button(f"Last {days} days", tooltip)
            quick_range.on_click(partial(self._set_last_days, days))
            self.quick_ranges.append(quick_range)

    @property
    def _has_tactics(self) -> bool:
        """Whether the report is divided by tactic."""
        return list_tactics(self.record_type.value) == TACTICS

    @property
    def _segment(self) -> str | None:
        segment: str = self.segment.value
        if segment == NO_SEGMENT:
            return None
        return segment

    def _set_last_days(self, days: int, _: Any = None) -> None:
        first, last = list_last_days(days, self._model.today(self.profile.value))
        with self._suspend_events():  # between the two assignments there is no range
            self.start.value = first
            self.end.value = last
        self._last_days = days
        self._on_field()

    def _on_report(self, _: Any = None) -> None:
        """Offer the tactics, segments and metrics of the report; retain selected ones it has."""
        if self._is_suspended:
            return
        record_type = self.record_type.value
        can_segment = record_type in segmented_record_types()
        segments = [NO_SEGMENT, MATCHED_TARGET] if can_segment else [NO_SEGMENT]
        with self._suspend_events():
            if len(segments) != len(self.segment.options):
                self.segment.options = segments
            self.segment.disabled = not can_segment
            show_widget(self.tactic, is_shown=self._has_tactics)
            self.metrics.set_report(record_type, self._segment, self._model.api)
        self._on_field()

    def _on_day(self, _: Any = None) -> None:
        if not self._is_suspended:
            self._last_days = None
        self._on_field()

    def _on_field(self, _: Any = None) -> None:
        if self._is_suspended:
            return
        for callback in self._callbacks:
            callback()

    @contextlib.contextmanager
    def _suspend_events(self) -> Iterator[None]:
        """Change several fields, and notify of the change once."""
        self._is_suspended = True
        try:
            yield
        finally:
            self._is_suspended = False
