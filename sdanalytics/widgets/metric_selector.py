"""The metrics of a report: to search, to tick, or by presets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import ipywidgets as ipw
import traitlets

from sdanalytics.analysis.kpi_definitions import CONVERSION_METRICS, KPIS
from sdanalytics.model.metric_validation import validate_metrics
from sdanalytics.model.metrics import (
    CATALOGUE,
    ColumnKind,
    available_metrics,
    default_metrics,
    identity_columns,
    sort_by_catalogue,
)
from sdanalytics.widgets.components import close_tree, dropdown, hbox, text_html

USUAL: Final = "the usual"
_OWN: Final = "own choice"
_TRAFFIC: Final = ("impressions", "viewImpressions", "clicks", "cost")
_RESULTS: Final = tuple(name for pair in CONVERSION_METRICS.values() for name in pair)
_LABELS: Final = (ColumnKind.TEXT, ColumnKind.CATEGORY)


class MetricSelector(ipw.VBox):  # type: ignore[misc]
    """Ticked metrics of the catalogue, with their meanings.

    Attributes
    ----------
    value : tuple of str
        What is chosen, in the order of a preset or the catalogue. May be set.
    search : ipywidgets.Text
        Leaves those in view that have all its words in their name or meaning.
    preset : ipywidgets.Dropdown
    count : ipywidgets.HTML
        How many are chosen, and how many in view.
    """

    value = traitlets.Tuple()

    def __init__(self) -> None:
        self._report: tuple[str, str | None, str] = ("", None, "v2")
        self._quiet = False
        self._shown = ipw.Layout(width="auto", margin="0", height="22px")
        self._hidden = ipw.Layout(display="none")
        self._boxes = {
            metric.name: ipw.Checkbox(
                description=f"{metric.name}: {metric.meaning}",
                tooltip=metric.meaning,
                indent=False,
                layout=self._shown,
            )
            for metric in CATALOGUE.values()
        }
        self.search = ipw.Text(
            description="Search", placeholder="sales, new-to-brand, 14d, ...",
            tooltip="Words of a metric's name or meaning",
            layout={"width": "30em"}, style={"description_width": "4.5em"},
        )  # fmt: skip
        self.preset = dropdown("Preset", [USUAL], "Metrics that answer a question together")
        self.count = ipw.HTML()
        self._list = ipw.VBox(
            layout={
                "display": "block", "height": "13em", "overflow": "hidden auto",
                "border": "1px solid var(--jp-border-color2, #cccccc)", "padding": "2px 6px",
            }
        )  # fmt: skip
        super().__init__([hbox(self.preset, self.search), self._list, self.count])
        self.add_class("sdanalytics-metrics")
        for box in self._boxes.values():
            box.observe(self._ticked, "value")
        self.search.observe(self._filter, "value")
        self.preset.observe(self._take_preset, "value")

    @property
    def boxes(self) -> tuple[ipw.Checkbox, ...]:
        """The metrics of the report, to tick."""
        return tuple(self._list.children)

    def offer(self, record_type: str, segment: str | None, api: str = "v2") -> None:
        """Offer a version's metrics of a report; what was chosen stays as far as it applies.

        The usual choice stays the usual one; a choice of which nothing is left, too.
        """
        was_usual = self.preset.value == USUAL
        was_empty = not self.value and bool(self._report[0])
        self._report = (record_type, segment, api)
        offered = self._offered()
        kept = tuple(name for name in self.value if name in offered)
        amounts = [name for name in kept if CATALOGUE[name].kind not in _LABELS]
        self._list.children = [self._boxes[name] for name in offered]
        self._quiet = True
        self.preset.options = [*self._presets(), _OWN]
        self._quiet = False
        keep = was_empty or (amounts and not was_usual)
        self.value = kept if keep else default_metrics(*self._report)
        self._show_value()
        self._filter()

    @traitlets.validate("value")
    def _check(self, proposal: Any) -> tuple[str, ...]:
        names: Sequence[object] = proposal["value"]
        if self._report[0] and names:
            return validate_metrics(names, *self._report)
        return tuple(str(name) for name in names)

    @traitlets.observe("value")
    def _value_changed(self, _: Any) -> None:
        if not self._quiet:
            self._show_value()

    def _show_value(self) -> None:
        """Make boxes, preset and count agree with the value."""
        self._quiet = True
        for name, box in self._boxes.items():
            box.value = name in self.value
        chosen = set(self.value)
        self.preset.value = next(
            (name for name, metrics in self._presets().items() if set(metrics) == chosen), _OWN
        )
        self._quiet = False
        self._tell()

    def _presets(self) -> dict[str, tuple[str, ...]]:
        """The presets that the report has metrics for, by name."""
        offered = self._offered()
        usual = default_metrics(*self._report)
        labels = [name for name in usual if CATALOGUE[name].kind in _LABELS]
        parts: dict[str, list[str]] = {
            "traffic and cost": [name for name in _TRAFFIC if name in offered],
            "orders and sales": [name for name in (*_TRAFFIC, *_RESULTS) if name in offered],
            "other products": [name for name in offered if name.endswith("OtherSKU")],
            "new to brand": [name for name in offered if "newtobrand" in name.lower()],
            "video": [name for name in offered if name.startswith("video")],
        }
        made = {name: sort_by_catalogue([*labels, *part]) for name, part in parts.items() if part}
        return {USUAL: usual} | made | {"everything": sort_by_catalogue(offered)}

    def _offered(self) -> list[str]:
        """The metrics of the report, the usual ones first; its identity columns come anyway."""
        fixed = identity_columns(*self._report[:2])
        every = dict.fromkeys([*default_metrics(*self._report), *available_metrics(*self._report)])
        return [name for name in every if name not in fixed]

    def _take_preset(self, change: Any) -> None:
        chosen = self._presets().get(change["new"])
        if not self._quiet and chosen is not None:
            self.value = chosen

    def _ticked(self, change: Any) -> None:
        if self._quiet:
            return
        name = str(change["owner"].description.partition(":")[0])
        if change["new"]:
            self.value = sort_by_catalogue([*self.value, name])
        else:
            self.value = tuple(n for n in self.value if n != name)

    def _filter(self, _: Any = None) -> None:
        for name, box in self._boxes.items():
            box.layout = self._shown if self._is_found(name) else self._hidden
        self._tell()

    def _is_found(self, name: str) -> bool:
        text = f"{name} {CATALOGUE[name].meaning}".lower()
        return all(word in text for word in self.search.value.lower().replace("-", " ").split())

    def _tell(self) -> None:
        shown = sum(box.layout is self._shown for box in self.boxes)
        words = f"{len(self.value)} metrics chosen; {shown} of {len(self.boxes)} in view"
        kpi = KPIS.get(self.search.value.strip().lower())
        if kpi is not None:
            words += (
                f"; {kpi.label} is computed after fetching: the usual metrics have all it needs"
            )
        self.count.value = text_html(words)

    def close(self) -> None:
        """Close it with the metrics that are not in view."""
        for box in self._boxes.values():
            close_tree(box)
        for layout in (self._shown, self._hidden):
            layout.close()
        close_tree(self)
