"""`CampaignFilter`: the campaigns that a figure and a table are about."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from sdanalytics.model.entity_names import CAMPAIGN_ID
from sdanalytics.widgets.components import button, show_widget
from sdanalytics.widgets.folded_list import FoldedList
from sdanalytics.widgets.option_list import Option

_CAMPAIGN_NAME: Final = "campaignName"


class CampaignFilter(FoldedList):
    """A list of the campaigns of a frame; none chosen means all of them.

    Attributes
    ----------
    clear_button : ipywidgets.Button
    """

    def __init__(self) -> None:
        self.clear_button = button("All campaigns", "Show all campaigns again")
        self.clear_button.on_click(self._clear)
        super().__init__("Campaigns", "campaigns", "tents, launch, ...", self.clear_button)
        self.list.observe(self._show_count, "value")
        self._show_count()

    @property
    def ids(self) -> list[str]:
        """The ids of the chosen campaigns, in the order of the list; empty for all."""
        chosen = set(self.list.value)
        chosen_ids = []
        for value, _, _ in self.list.options:
            if value in chosen:
                chosen_ids.append(value)
        return chosen_ids

    @property
    def names(self) -> dict[str, str]:
        """The names of the chosen campaigns, by id."""
        chosen = set(self.list.value)
        chosen_names = {}
        for value, title, _ in self.list.options:
            if value in chosen:
                chosen_names[value] = title
        return chosen_names

    def offer(self, rows: pd.DataFrame) -> None:
        """Offer the campaigns of a frame; those chosen stay so if it has them."""
        options = []
        if CAMPAIGN_ID in rows:
            options = _list_campaigns(rows)
        self.list.set_options(options)
        self.search.value = ""
        show_widget(self.toggle, is_shown=len(options) > 1)
        self._show_count()

    def _clear(self, _: Any) -> None:
        self.list.value = []

    def _show_count(self, _: Any = None) -> None:
        total = len(self.list.options)
        chosen = len(self.list.value)
        count = "all"
        if chosen:
            count = f"{chosen} of {total}"
        self.toggle.description = f"Campaigns: {count}"
        self.clear_button.disabled = not chosen


def _list_campaigns(rows: pd.DataFrame) -> list[Option]:
    """Return the campaigns by name; those without a name by id."""
    columns = [CAMPAIGN_ID]
    if _CAMPAIGN_NAME in rows:
        columns.append(_CAMPAIGN_NAME)
    campaigns = rows[columns].dropna(subset=[CAMPAIGN_ID])
    latest = campaigns.drop_duplicates(CAMPAIGN_ID, keep="last")
    options = []
    for _, row in latest.iterrows():
        campaign_id = str(row[CAMPAIGN_ID])
        name = row.get(_CAMPAIGN_NAME)
        title = campaign_id
        if not pd.isna(name):
            title = str(name)
        hint = ""
        if title != campaign_id:
            hint = campaign_id
        options.append(Option(campaign_id, title, hint))
    options.sort(key=lambda option: option.title.casefold())
    return options
