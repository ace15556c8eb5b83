"""`GrowingMapping`: a mapping that is added to while other threads read it."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class GrowingMapping(Mapping[K, V]):
    """A mapping to which items are added, and from which none are removed.

    Whoever iterates over it while another thread adds an item sees the items from before.

    Parameters
    ----------
    items : mapping
    """

    def __init__(self, items: Mapping[K, V]) -> None:
        self._items = dict(items)  # never changed, but replaced

    def __getitem__(self, key: K) -> V:
        return self._items[key]

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def values(self) -> ValuesView[V]:
        """Return the values of now."""
        return self._items.values()

    def items(self) -> ItemsView[K, V]:
        """Return the items of now."""
        return self._items.items()

    def add(self, key: K, value: V) -> None:
        """Add an item at the end; callers that add at the same time take a lock."""
        self._items = {**self._items, key: value}
