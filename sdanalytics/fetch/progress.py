"""A bar that tells how a call is doing, when it takes long and somebody is looking."""

from __future__ import annotations

import sys
from collections import Counter
from types import TracebackType
from typing import Any, Final

from sdanalytics._core.clock import Clock
from sdanalytics.model.partition import Partition

_PATIENCE: Final = 1.0
"""Seconds before a bar appears that nobody asked for."""
_REDRAW: Final = 0.1
"""Seconds between two drawings."""
_FORMAT: Final = "{desc}: {n_fmt} of {total_fmt} reports |{bar}| {elapsed}{postfix}"


class Progress:
    """Follows the slices of a call on a `tqdm` bar (a widget in notebooks).

    Parameters
    ----------
    title : str
    total, cached : int
        Slices of the call, and how many of them the cache had.
    show : bool or None
        Always, never, or when it takes longer than a second and somebody is looking.
    clock : Clock
    """

    def __init__(
        self, title: str, total: int, cached: int, show: bool | None, clock: Clock
    ) -> None:
        self._title = title
        self.total = total
        self.cached = cached
        self._show = is_interactive() if show is None else show
        self._clock = clock
        self._next_draw = clock.monotonic() + (_PATIENCE if show is None else 0.0)
        self._states: dict[Partition, str] = {}
        self._drawn = False
        self._bar: Any = None

    def __enter__(self) -> Progress:
        self._draw_if_due()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._drawn:
            self._draw()
        if self._bar is not None:
            self._bar.close()

    def counts(self) -> Counter[str]:
        """How many reports are in each state; any thread may ask."""
        return Counter(list(self._states.values()))

    def watch(self, partition: Partition, state: str) -> None:
        """Take note of a slice's state: waiting, downloading, done or failed."""
        self._states[partition] = state
        self._draw_if_due()

    def _draw_if_due(self) -> None:
        if self._show and self._clock.monotonic() >= self._next_draw:
            self._draw()

    def _draw(self) -> None:
        self._next_draw = self._clock.monotonic() + _REDRAW
        self._drawn = True
        counts = self.counts()
        parts = [f"{counts[state]} {state}" for state in ("waiting", "downloading", "failed")]
        told = [part for part in parts if not part.startswith("0 ")]
        self.put(self.cached + counts["done"], ", ".join([*told, f"{self.cached} from the cache"]))

    def put(self, done: int, words: str) -> None:
        """Show how many reports are there, and in words what the others are doing."""
        if self._bar is None:
            from tqdm.auto import tqdm

            self._bar = tqdm(desc=self._title, total=self.total, bar_format=_FORMAT)
        self._bar.n = done
        self._bar.set_postfix_str(words)


def is_interactive() -> bool:
    """Whether there is a terminal or a notebook to draw on."""
    shell = sys.modules.get("IPython")
    if shell is not None and getattr(shell.get_ipython(), "kernel", None) is not None:
        return True
    return sys.stderr is not None and sys.stderr.isatty()
