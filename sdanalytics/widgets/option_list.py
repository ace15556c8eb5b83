"""`OptionList`: any number of options to choose, one tab stop for the keyboard."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import anywidget
import traitlets

from sdanalytics.widgets.front_end_files import read_front_end


class Option(NamedTuple):
    """An option of a list.

    Attributes
    ----------
    value, title : str
    meaning : str
        What it is, beside its title; may be empty.
    """

    value: str
    title: str
    meaning: str = ""


class OptionList(anywidget.AnyWidget):
    """A list of options with a mark for each that is chosen.

    Tab leads to the list and away from it; in it, the arrow keys, Home, End and Page Up and Down
    move, the space bar and Enter choose.

    Parameters
    ----------
    label : str
        The name of the list for screen readers.

    Attributes
    ----------
    options : list of Option
        All of them, in their order.
    shown : list of str
        The values of those that are shown.
    value : list of str
        The values of those that are chosen.
    """

    _esm = read_front_end("option_list.js")
    label = traitlets.Unicode().tag(sync=True)
    options: traitlets.List[Option] = traitlets.List().tag(sync=True)
    shown = traitlets.List(traitlets.Unicode()).tag(sync=True)
    value = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, label: str) -> None:
        super().__init__(label=label)

    def set_options(self, options: Iterable[Option]) -> None:
        """Offer other options; those chosen that are among them stay so."""
        offered = list(options)
        values = [option.value for option in offered]
        kept = [value for value in self.value if value in values]
        with self.hold_trait_notifications():
            self.options = offered
            self.shown = values
            self.value = kept

    def show_matches(self, words: Iterable[str]) -> None:
        """Show only the options that have all words in their title or meaning."""
        wanted = list(words)
        shown = []
        for value, title, meaning in self.options:
            text = f"{title} {meaning}".lower()
            if all(word in text for word in wanted):
                shown.append(value)
        self.shown = shown
