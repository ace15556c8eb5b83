"""Driving `ReportPicker` as its buttons do, and reading what it says."""

from __future__ import annotations

import re
from typing import Any, Final

import pandas as pd

SECONDS: Final = 60.0
"""The longest wait for a fetch of the picker."""


def visible_text(widget: Any) -> str:
    """Return the text that a widget of HTML shows."""
    return re.sub("<[^>]*>", "", widget.value).strip()


def fetched(picker: Any) -> pd.DataFrame:
    """Click on Fetch, wait, and return the frame."""
    picker.fetch_button.click()
    assert picker.wait(SECONDS)
    assert picker.data is not None, visible_text(picker.status)
    data: pd.DataFrame = picker.data
    return data
