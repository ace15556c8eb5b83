"""The progress bar of a fetch: days done, and the reports behind them."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Final

from sdanalytics._core.clock import Clock
from sdanalytics.fetch.notebook_display import NotebookDisplay, is_notebook, progress_bundle
from sdanalytics.fetch.tracker import Countable, FetchCounts

SHOW_AFTER: Final = 1.0
"""Seconds before a bar appears that was not requested."""
REDRAW_INTERVAL: Final = 0.1
"""Seconds between two updates of the bar."""


class Progress:
    """Shows a fetch on a bar: `tqdm`'s, or HTML in notebooks; a context manager.

    Parameters
    ----------
    title : str
    tracker : Countable
        The counts to show.
    show : bool or None
        Always, never, or (None) after a second in a terminal or a notebook.
    clock : Clock
    """

    def __init__(self, title: str, tracker: Countable, show: bool | None, clock: Clock) -> None:
        self._title = title
        self._tracker = tracker
        self._clock = clock
        self._next_draw = clock.monotonic()
        if show is None:
            self._is_shown = is_interactive()
            self._next_draw += SHOW_AFTER
        else:
            self._is_shown = show
        self._was_drawn = False
        self._began = clock.monotonic()
        self._display = NotebookDisplay() if is_notebook() else None
        self._bar: Any = None

    def __enter__(self) -> Progress:
        self._tracker.on_change = self.update
        self.update()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._was_drawn:
            self._draw(kind)
        if self._bar is not None:
            self._bar.close()

    def update(self) -> None:
        """Redraw the bar, when it is shown and was not redrawn just now."""
        if self._is_shown and self._clock.monotonic() >= self._next_draw:
            self._draw()

    def _draw(self, error: type[BaseException] | None = None) -> None:
        self._next_draw = self._clock.monotonic() + REDRAW_INTERVAL
        self._was_drawn = True
        counts = self._tracker.counts()
        if self._display is None:
            self._draw_bar(counts)
        else:
            self._draw_html(self._display, counts, error)

    def _draw_html(
        self, display: NotebookDisplay, counts: FetchCounts, error: type[BaseException] | None
    ) -> None:
        seconds = self._clock.monotonic() - self._began
        text = f"{counts.days_text}, {counts.details_text}, {seconds:.0f} s"
        if error is not None:
            text += f"; ended by {error.__name__}"
        display.show(progress_bundle(self._title, counts.days_done, counts.days, text))

    def _draw_bar(self, counts: FetchCounts) -> None:
        if self._bar is None:
            from tqdm import tqdm

            unit = "day" if counts.days == 1 else "days"
            layout = f"{{desc}}: {{n_fmt}} of {{total_fmt}} {unit} |{{bar}}| {{elapsed}}{{postfix}}"
            self._bar = tqdm(desc=self._title, total=counts.days, bar_format=layout)
        self._bar.n = counts.days_done
        self._bar.set_postfix_str(counts.details_text)


def is_interactive() -> bool:
    """Return whether there is a terminal or a notebook to draw on."""
    if is_notebook():
        return True
    is_open = sys.stderr is not None and not sys.stderr.closed
    return is_open and sys.stderr.isatty()
