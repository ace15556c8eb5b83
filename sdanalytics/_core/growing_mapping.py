"""`GrowingMapping`: a mapping that is added to while other threads read it."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, ValuesView
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class GrowingMapping(dict[K, V]):
    """A dict to which items are added, and from which none are removed.

    Lookups are as fast as those of a dict. Whoever iterates over it while another thread adds an
    item sees the items from before.
    """

    def __iter__(self) -> Iterator[K]:
        return iter(self.copy())

    def values(self) -> ValuesView[V]:  # type: ignore[override]
        """Return the values of now."""
        return self.copy().values()

    def items(self) -> ItemsView[K, V]:  # type: ignore[override]
        """Return the items of now."""
        return self.copy().items()
