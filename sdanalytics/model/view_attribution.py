"""The change of view attribution on 2026-01-01: which metrics and which frames it concerns.

From that day on Amazon attributes purchases and sales of campaigns billed on viewable impressions
(vCPM) by another model; results after a click are attributed as before. So the series of
`viewAttributed...` metrics have a break there, which is no change of the campaigns. So have the
results that version 1 alone has (`salesFromViews`, `salesPromoted`), but for those of all views
(`allViewsSales`), which it goes on counting by the former model.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Final

from sdanalytics.model.category_words import spell_word

if TYPE_CHECKING:
    import pandas as pd

VIEW_ATTRIBUTION_CHANGED: Final = date(2026, 1, 1)
"""The first day of the new model."""
VIEW_ATTRIBUTION_KEY: Final = "view_attribution_changed"
"""The entry of a frame's metadata: that day, if the frame has vCPM results from before and from
after; else None."""
_BY_VIEW: Final = re.compile(
    r"viewAttributed.*"
    r"|(newToBrand)?([Pp]urchases|[Ss]ales|[Uu]nitsSold)(FromViews|(FromViews)?(Promoted|Halo))"
    r"|detailPageViewsFromViews"
)
_ALL_VIEWS: Final = "allViews"
_VCPM: Final = "VCPM"


def is_attributed_to_views(name: str) -> bool:
    """Return whether a metric counts results after a view or a click, as vCPM campaigns do."""
    return _BY_VIEW.fullmatch(name) is not None


def is_of_all_views(name: str) -> bool:
    """Return whether a metric counts by the former model also after the change."""
    return name.startswith(_ALL_VIEWS)


def day_of_change(name: str) -> date | None:
    """Return the first day on which a metric is counted by another model; None for most."""
    if is_attributed_to_views(name):
        return VIEW_ATTRIBUTION_CHANGED
    return None


def find_vcpm_rows(frame: pd.DataFrame) -> pd.Series[bool]:
    """Return whether each row is of a vCPM campaign, of a frame with `costType`.

    The frame may be a user's own, with the word in any case.
    """
    cost_types = frame["costType"]
    vcpm_words = []
    for word in cost_types.dropna().unique():
        if spell_word("costType", str(word)) == _VCPM:
            vcpm_words.append(word)
    return cost_types.isin(vcpm_words)


def spans_change(frame: pd.DataFrame) -> bool:
    """Return whether rows of vCPM campaigns are from before the change, and others from after.

    Where the cost type is not known, any row may be of one.
    """
    import pandas as pd

    change = pd.Timestamp(VIEW_ATTRIBUTION_CHANGED)
    is_before = frame["date"] < change
    is_after = frame["date"] >= change
    if not (is_before.any() and is_after.any()):
        return False
    if "costType" not in frame:
        return True
    is_vcpm = find_vcpm_rows(frame)
    has_before = (is_before & is_vcpm).any()
    has_after = (is_after & is_vcpm).any()
    return bool(has_before and has_after)


def view_attribution_note(frame: pd.DataFrame) -> dict[str, str | None]:
    """Return the entry of the metadata of a fetched frame."""
    has_results = any(map(is_attributed_to_views, frame.columns))
    is_broken = has_results and spans_change(frame)
    return {VIEW_ATTRIBUTION_KEY: VIEW_ATTRIBUTION_CHANGED.isoformat() if is_broken else None}
