"""Selection of a report's metrics: by search, by checkboxes, or by presets."""

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
from sdanalytics.widgets.components import close_tree, dropdown, hbox, text_html
from sdanalytics.widgets.metric_presets import (
    DEFAULT_PRESET,
    ReportKind,
    is_label,
    metric_presets,
    selectable_metrics,
)

CUSTOM_PRESET: Final = "custom"
"""The preset's name when the selection is not a preset."""


class MetricSelector(ipw.VBox):  # type: ignore[misc]
    """Checkboxes for the metrics of a report, with their meanings.

    Attributes
    ----------
    value : tuple of str
        The selected metrics, in the order of a preset or the catalogue. May be set.
    search : ipywidgets.Text
        Shows only metrics with all its words in their names or meaning.
    preset : ipywidgets.Dropdown
    count : ipywidgets.HTML
        How many metrics are selected, and how many are shown.
    """

    value = traitlets.Tuple()

    def __init__(self) -> None:
        self._report: ReportKind | None = None
        self._is_suspended = False
        self._visible_layout = ipw.Layout(width="auto", margin="0", height="22px")
        self._hidden_layout = ipw.Layout(display="none")
        self._boxes: dict[str, ipw.Checkbox] = {}
        self.search = ipw.Text(
            description="Search",
            placeholder="sales, new-to-brand, 14d, ...",
            tooltip="Words of a metric's name or meaning",
            layout={"width": "30em"},
            style={"description_width": "4.5em"},
        )
        self.preset = dropdown("Preset", [DEFAULT_PRESET], "Metrics that belong together")
        self.count = ipw.HTML()
        self._list = ipw.VBox(
            layout={
                "display": "block",
                "height": "13em",
                "overflow": "hidden auto",
                "border": "1px solid var(--jp-border-color2, #cccccc)",
                "padding": "2px 6px",
            }
        )
        top = hbox(self.preset, self.search)
        super().__init__([top, self._list, self.count])
        self.add_class("sdanalytics-metrics")
        self.search.observe(self._on_search, "value")
        self.preset.observe(self._on_preset, "value")

    @property
    def boxes(self) -> tuple[ipw.Checkbox, ...]:
        """The checkboxes of the report's metrics."""
        return tuple(self._list.children)

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
        self._list.children = [self._box(name) for name in selectable]
        with self._suspend_events():
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
        """Close the selector, with the checkboxes that are not shown."""
        for box in self._boxes.values():
            close_tree(box)
        self._visible_layout.close()
        self._hidden_layout.close()
        close_tree(self)

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

    def _on_toggle(self, change: Any) -> None:
        if self._is_suspended:
            return
        name, _, _ = change["owner"].description.partition(":")
        selected = tuple(kept for kept in self.value if kept != name)
        if change["new"]:
            selected = sort_by_catalogue([*selected, name])
        self.value = selected

    def _on_search(self, _: Any = None) -> None:
        query = self.search.value.lower().replace("-", " ")
        words = query.split()
        synonym = find_synonym(query)
        for name, box in self._boxes.items():
            metric = CATALOGUE[name]
            text = f"{name} {metric.v3_name} {metric.meaning}".lower()
            layout = self._hidden_layout
            if name == synonym or all(word in text for word in words):
                layout = self._visible_layout
            box.layout = layout
        self._show_count()

    def _box(self, name: str) -> ipw.Checkbox:
        """Return the checkbox of a metric, which may be registered at any time."""
        if name not in self._boxes:
            self._boxes[name] = self._create_box(name)
        return self._boxes[name]

    def _create_box(self, name: str) -> ipw.Checkbox:
        meaning = CATALOGUE[name].meaning
        box = ipw.Checkbox(
            description=f"{name}: {meaning}",
            tooltip=meaning,
            indent=False,
            layout=self._visible_layout,
        )
        box.observe(self._on_toggle, "value")
        return box

    def _show_value(self) -> None:
        """Make checkboxes, preset and count agree with the value."""
        with self._suspend_events():
            for name, box in self._boxes.items():
                box.value = name in self.value
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
        shown = 0
        for box in self.boxes:
            shown += box.layout is self._visible_layout
        total = len(self.boxes)
        text = f"{len(self.value)} metrics selected; {shown} of {total} shown"
        computed = find_synonym(self.search.value)
        if computed in COMPUTED_METRICS:
            label = KPIS[computed].label if computed in KPIS else computed
            text += f"; {label} is computed after fetching: the default metrics are all it needs"
        self.count.value = text_html(text)

    @contextlib.contextmanager
    def _suspend_events(self) -> Iterator[None]:
        """Let the widgets change without taking the change for the user's."""
        self._is_suspended = True
        try:
            yield
        finally:
            self._is_suspended = False
