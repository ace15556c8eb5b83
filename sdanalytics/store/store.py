"""`Store`: the parts of a store, as the fetching of reports uses them."""

from __future__ import annotations

from dataclasses import dataclass

from sdanalytics.store.backends.base import Storage
from sdanalytics.store.inventory import Inventory
from sdanalytics.store.metadata import MetadataStore
from sdanalytics.store.partitions import PartitionStore


@dataclass(frozen=True)
class Store:
    """The parts of a store.

    Attributes
    ----------
    storage : Storage
    partitions : PartitionStore
    metadata : MetadataStore
    is_temporary : bool
        Whether it is removed with the call that made it.
    """

    storage: Storage
    partitions: PartitionStore
    metadata: MetadataStore
    is_temporary: bool

    @classmethod
    def open(
        cls, storage: Storage, *, is_temporary: bool = False, keep_history: bool = True
    ) -> Store:
        """Return the store in a storage."""
        partitions = PartitionStore(
            storage, is_temporary=is_temporary, keep_history=keep_history and not is_temporary
        )
        return cls(storage, partitions, MetadataStore(storage), is_temporary)

    @property
    def inventory(self) -> Inventory:
        """The lists of its contents."""
        return Inventory(self.partitions, self.metadata)
