"""`ReportPicker`: choose, fetch and view a report in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sdanalytics.errors import MissingDependency

__all__ = ["ReportPicker"]

if TYPE_CHECKING:
    from sdanalytics.widgets.picker import ReportPicker
else:
    try:
        from sdanalytics.widgets.picker import ReportPicker
    except ModuleNotFoundError as error:
        _missing_module = error.name

        class ReportPicker:
            """A stand-in where the widget library, an optional dependency, is not installed."""

            def __init__(self, *arguments: Any, **options: Any) -> None:
                raise MissingDependency.for_module(_missing_module, "ReportPicker")
