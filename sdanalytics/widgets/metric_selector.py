"""Selection of a report's metrics: by presets, or from a list with a search."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import ipywidgets as ipw
import traitlets

from sdanalytics.analysis.kpi_definitions import KPIS
from sdanalytics.model.metric_synonyms import COMPUTED_METRICS, find_synonym
from sdanalytics.model.metric_validation import validate_metrics
from sdanalytics.model.metrics import (
    CATALOGUE,
    default_metrics,
    sort_by_catalogue,
)
from sdanalytics.widgets.components import close_tree, dropdown, hbox, status_html
from sdanalytics.widgets.folded_list import FoldedList
from sdanalytics.widgets.metric_presets import (
    DEFAULT_PRESET,
    ReportKind,
    is_label,
    metric_presets,
    selectable_metrics,
)
from sdanalytics.widgets.option_list import Option

CUSTOM_PRESET: Final = "custom"
"""The preset's name when the selection is not a preset."""


class MetricSelector(FoldedList):
    """A list of the metrics of a report, with their meanings, folded behind presets.

    Attributes
    ----------
    value : tuple of str
        The selected metrics, in the order of a preset or the catalogue. May be set.
    bar : ipywidgets.HBox
        The preset, the button that unfolds the list, and the count: placed by whoever uses them.
    preset : ipywidgets.Dropdown
    toggle : ipywidgets.ToggleButton
    search : ipywidgets.Text
        Shows only metrics with all its words in their names or meaning.
    list : OptionList
    count : ipywidgets.HTML
        How many metrics are selected, and how many are shown.
    """

    value = traitlets.Tuple()

    def __init__(self) -> None:
        self._report: ReportKind | None = None
        self._is_suspended = False
        self.preset = dropdown("Metrics", [DEFAULT_PRESET], "Metrics that belong together")
        self.count = ipw.HTML()
        super().__init__("Choose metrics", "metrics", "sales, new-to-brand, 14d, ...", self.count)
        self.bar = hbox(self.preset, self.toggle)
        self.add_class("sdanalytics-metrics")
        self.preset.observe(self._on_preset, "value")
        self.list.observe(self._on_choice, "value")

    def set_report(self, record_type: str, segment: str | None, api: str = "v2") -> None:
        """Offer a report's metrics, and retain the selected ones that the report has.

        The default selection becomes the report's default, as does one without any numbers left. An
        empty selection stays empty.
        """
        was_default = self.preset.value == DEFAULT_PRESET
        was_emptied = self._report is not None and not self.value
        report = ReportKind(record_type, segment, api)
        self._report = report
        selectable = selectable_metrics(report)
        options = [Option(name, name, CATALOGUE[name].meaning) for name in selectable]
        with self._suspend_events():
            self.list.set_options(options)
            self.preset.options = [*metric_presets(report), CUSTOM_PRESET]
        kept = tuple(name for name in self.value if name in selectable)
        only_labels = all(map(is_label, kept))
        if was_emptied or not (only_labels or was_default):
            self.value = kept
        else:
            self.value = default_metrics(*report)
        self._show_value()
        self._on_search()

    def close(self) -> None:
        """Close the selector, with its preset and button."""
        close_tree(self.bar)
        super().close()

    @traitlets.validate("value")
    def _validate_value(self, proposal: Any) -> tuple[str, ...]:
        names: tuple[object, ...] = proposal["value"]
        if self._report is not None and names:
            return validate_metrics(names, *self._report)
        return tuple(map(str, names))

    @traitlets.observe("value")
    def _on_value(self, _: Any) -> None:
        if not self._is_suspended:
            self._show_value()

    def _on_preset(self, change: Any) -> None:
        if self._is_suspended or self._report is None:
            return
        presets = metric_presets(self._report)
        name = change["new"]
        if name in presets:
            self.value = presets[name]
        elif name == CUSTOM_PRESET:
            self.toggle.value = True

    def _on_choice(self, change: Any) -> None:
        """Take over a change of the list; metrics that were selected stay in their order."""
        if self._is_suspended:
            return
        chosen = set(change["new"])
        selected = tuple(name for name in self.value if name in chosen)
        added = chosen.difference(selected)
        if added:
            selected = sort_by_catalogue([*selected, *added])
        self.value = selected

    def _on_search(self, _: Any = None) -> None:
        query = self.search.value.lower().replace("-", " ")
        words = query.split()
        synonym = find_synonym(query)
        shown = []
        for name, _, meaning in self.list.options:
            v3_name = CATALOGUE[name].v3_name
            text = f"{name} {v3_name} {meaning}".lower()
            if name == synonym or all(word in text for word in words):
                shown.append(name)
        self.list.shown = shown
        self._show_count()

    def _show_value(self) -> None:
        """Make list, preset and count agree with the value."""
        offered = [value for value, _, _ in self.list.options]
        with self._suspend_events():
            self.list.value = [name for name in offered if name in self.value]
            self.preset.value = self._matching_preset()
        self._show_count()

    def _matching_preset(self) -> str:
        selected = set(self.value)
        if self._report is not None:
            for name, metrics in metric_presets(self._report).items():
                if selected == set(metrics):
                    return name
        return CUSTOM_PRESET

    def _show_count(self) -> None:
        shown = len(self.list.shown)
        total = len(self.list.options)
        selected = len(self.value)
        self.toggle.description = f"Choose metrics: {selected} of {total}"
        text = f"{selected} metrics selected; {shown} of {total} shown"
        computed = find_synonym(self.search.value)
        if computed in COMPUTED_METRICS:
            label = computed
            if computed in KPIS:
                label = KPIS[computed].label
            text += f"; {label} is computed after fetching: the default metrics are all it needs"
        self.count.value = status_html(text)

    @contextlib.contextmanager
    def _suspend_events(self) -> Iterator[None]:
        """Let the widgets change without taking the change for the user's."""
        self._is_suspended = True
        try:
            yield
        finally:
            self._is_suspended = False
