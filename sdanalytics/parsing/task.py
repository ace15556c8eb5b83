"""A parsing task: how to read a payload, and which part of it a process decodes."""

from __future__ import annotations

from typing import Final

import msgspec

from sdanalytics.model.metrics import Metric

BLOCKS_PER_GROUP: Final = 16
"""Blocks of text in a group: a process decodes a group at a time."""


class NotParallelizable(Exception):
    """The payload cannot be split safely; parse it in a single process."""


class ParseOptions(msgspec.Struct, frozen=True):
    """How to read a payload.

    Attributes
    ----------
    columns : list of str
        Names of the catalogue.
    field_names : dict of str to str
        The payload's own names of columns, where they differ.
    block_size : int
        Bytes of text that are decompressed at a time.
    max_bytes : int
        Bytes that the text may have, and the table's values at 8 bytes each.
    """

    columns: list[str]
    field_names: dict[str, str]
    block_size: int
    max_bytes: int


class WorkShare(msgspec.Struct, frozen=True):
    """The blocks of a text that one of several processes decodes.

    The processes take turns, a group of blocks at a time.

    Attributes
    ----------
    index : int
        The process; 0 is the one that reads the payload, the others are its workers.
    count : int
        The number of processes.
    head_start : int
        Groups that process 0 decodes alone, while its workers start.
    """

    index: int = 0
    count: int = 1
    head_start: int = 0

    def worker_for(self, group: int) -> int:
        """Return the index of the process that decodes a group."""
        position = group - self.head_start + 1
        return max(0, position) % self.count

    def group(self, block: int) -> int:
        """Return the group that a block belongs to."""
        return block // BLOCKS_PER_GROUP

    def owns(self, block: int) -> bool:
        """Return whether this process decodes a block."""
        group = self.group(block)
        return self.worker_for(group) == self.index


ALL_BLOCKS: Final = WorkShare()
"""The share of a process that reads a payload alone."""


class WorkerTask(msgspec.Struct, frozen=True):
    """The task of a worker: a line of JSON, followed by the payload.

    Attributes
    ----------
    version : str
        Of this package: another one may have been installed since the parent process began.
    options : ParseOptions
    share : WorkShare
    registered : list of Metric
        Those that the parent process knows and the worker's catalogue does not have.
    """

    version: str
    options: ParseOptions
    share: WorkShare
    registered: list[Metric]
