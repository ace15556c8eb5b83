"""The progress bar of a fetch: days done, and the reports behind them."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Final

from sdanalytics._core.clock import Clock
from sdanalytics.fetch.tracker import FetchCounts, FetchTracker

SHOW_AFTER: Final = 1.0
"""Seconds before a bar appears that was not requested."""
REDRAW_INTERVAL: Final = 0.1
"""Seconds between two updates of the bar."""


class Progress:
    """Shows a fetch on a `tqdm` bar (a widget in notebooks); a context manager.

    Parameters
    ----------
    title : str
    tracker : FetchTracker
        The counts to show.
    show : bool or None
        Always, never, or (None) after a second in a terminal or a notebook.
    clock : Clock
    """

    def __init__(self, title: str, tracker: FetchTracker, show: bool | None, clock: Clock) -> None:
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
            self._draw()
        if self._bar is not None:
            self._bar.close()

    def update(self) -> None:
        """Redraw the bar, when it is shown and was not redrawn just now."""
        if self._is_shown and self._clock.monotonic() >= self._next_draw:
            self._draw()

    def render(self, counts: FetchCounts) -> None:
        """Show the counts."""
        if self._bar is None:
            from tqdm.auto import tqdm

            unit = "day" if counts.days == 1 else "days"
            layout = f"{{desc}}: {{n_fmt}} of {{total_fmt}} {unit} |{{bar}}| {{elapsed}}{{postfix}}"
            self._bar = tqdm(desc=self._title, total=counts.days, bar_format=layout)
        self._bar.n = counts.days_done
        self._bar.set_postfix_str(counts.details_text)

    def _draw(self) -> None:
        self._next_draw = self._clock.monotonic() + REDRAW_INTERVAL
        self._was_drawn = True
        self.render(self._tracker.counts())


def is_interactive() -> bool:
    """Return whether there is a terminal or a notebook to draw on."""
    shell = sys.modules.get("IPython")
    if shell is not None and getattr(shell.get_ipython(), "kernel", None) is not None:
        return True
    return sys.stderr is not None and sys.stderr.isatty()
