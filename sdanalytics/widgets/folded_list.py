"""`FoldedList`: a searchable list of options that a button unfolds."""

from __future__ import annotations

from typing import Any

import ipywidgets as ipw

from sdanalytics.widgets.components import close_tree, show_widget, text_field, toggle_button
from sdanalytics.widgets.option_list import OptionList


class FoldedList(ipw.VBox):  # type: ignore[misc]
    """A list with a search, shown while its button is pressed.

    Parameters
    ----------
    label : str
        The text of the button, and the name of the list.
    subject : str
        What is searched for.
    placeholder : str
        Words to search for, as an example.
    *others : ipywidgets.Widget
        Below the list.

    Attributes
    ----------
    toggle : ipywidgets.ToggleButton
        Not a child: it is placed by whoever uses the list.
    search : ipywidgets.Text
    list : OptionList
    """

    def __init__(self, label: str, subject: str, placeholder: str, *others: ipw.Widget) -> None:
        self.toggle = toggle_button(label, f"Show or hide the list: {label}")
        self.search = text_field(
            f"Search {subject}", placeholder, "Words of a name or meaning", "24em"
        )
        self.list = OptionList(label)
        super().__init__([self.search, self.list, *others], layout={"display": "none"})
        self.add_class("sdanalytics-panel")
        self.toggle.observe(self._fold, "value")
        self.search.observe(self._on_search, "value")

    def close(self) -> None:
        """Close the list, with its button."""
        close_tree(self.toggle)
        close_tree(self)

    def _fold(self, _: Any) -> None:
        show_widget(self, is_shown=self.toggle.value)

    def _on_search(self, _: Any = None) -> None:
        self.list.show_matches(self.search.value.lower().split())
