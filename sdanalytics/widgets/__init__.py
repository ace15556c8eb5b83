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
        _missing_package = error.name

        class ReportPicker:
            """A stand-in where the widget library, an optional dependency, is not installed."""

            def __init__(self, *arguments: Any, **options: Any) -> None:
                raise MissingDependency(
                    f"ReportPicker needs the package {_missing_package}: "
                    f"pip install {_missing_package}, or 'sdanalytics[notebook]'"
                )
