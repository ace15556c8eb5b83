"""`ReportPicker`: a report by menus, dates and buttons, in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sdanalytics.errors import NotConfigured

__all__ = ["ReportPicker"]

if TYPE_CHECKING:
    from sdanalytics.widgets.picker import ReportPicker
else:
    try:
        from sdanalytics.widgets.picker import ReportPicker
    except ModuleNotFoundError as error:
        _lacking = error.name

        class ReportPicker:
            """Stands in where the widget library, an extra, is not installed."""

            def __init__(self, *arguments: Any, **options: Any) -> None:
                raise NotConfigured(
                    f"ReportPicker needs {_lacking}: pip install {_lacking}, "
                    "or the extra [notebook]"
                )
