"""`collect_warnings`: the texts of warnings, for a widget or a page."""

from __future__ import annotations

import warnings

from sdanalytics._core.caught_warnings import collect_warnings


def test_collecting_within_collecting_does_not_wait_for_itself() -> None:
    with collect_warnings() as outer:
        warnings.warn("first", UserWarning, stacklevel=1)
        with collect_warnings() as inner:
            warnings.warn("second", UserWarning, stacklevel=1)
    assert inner == ["second"]
    assert outer == ["first"]
