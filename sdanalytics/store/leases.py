"""Leases: how a process knows whether the owner of a claim is still running.

A claim holds while its lease lasts; its owner renews the lease every few seconds. Within a machine
the process id is checked, too: a lease ends at once when its process has ended.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
import uuid
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from sdanalytics.model.partition import Partition

LEASE_DURATION: Final = 30.0
"""Seconds for which a claim holds without being renewed."""
RENEWAL_INTERVAL: Final = LEASE_DURATION / 3
"""Seconds between two renewals."""
_BOOT_ID_FILE: Final = Path("/proc/sys/kernel/random/boot_id")
CREATE_GRACE: Final = 90.0
"""Seconds for which the response to a create may still arrive after its call has ended."""


class Lease(NamedTuple):
    """The lease of a claim.

    Attributes
    ----------
    ends_at : float
        In seconds since 1970, by the clock of its owner.
    host : str
        The machine of its owner (`host_id`).
    pid : int
        The process of its owner.
    """

    ends_at: float
    host: str
    pid: int

    @classmethod
    def own(cls, ends_at: float) -> Lease:
        """Make a lease of this process."""
        return cls(ends_at, host_id(), os.getpid())

    def is_live(self) -> bool:
        """Return whether it is live by this machine's clock, and its local process runs."""
        if self.ends_at < time.time():
            return False
        if self.host != host_id():
            return True
        return _is_process_alive(self.pid)


class _Sighting(NamedTuple):
    """The moment at which this process first saw an end of a lease."""

    ends_at: float
    seen_at: float


class LeaseMonitor:
    """Checks whether the owners of leases are alive, even if their clocks are wrong.

    The end of a lease is a time of its owner's clock, which may be wrong by days. So a lease has
    to pass two checks: it has not ended by this machine's clock; and by a stop-watch of this
    process it was renewed lately. The stop-watch starts when a lease is first seen, and again
    whenever its end has moved.
    """

    def __init__(self) -> None:
        self._sightings: dict[Partition, _Sighting] = {}

    def is_alive(self, partition: Partition, lease: Lease, *, is_created: bool) -> bool:
        """Return whether the owner of a partition's claim is still running.

        `is_created` says whether its report has an id.
        """
        max_silence = LEASE_DURATION
        if not is_created:
            # Nobody renews the lease of a create that outlives its call.
            max_silence = max(LEASE_DURATION, CREATE_GRACE)
        silence = self._seconds_since_renewal(partition, lease)
        return silence <= max_silence and lease.is_live()

    def _seconds_since_renewal(self, partition: Partition, lease: Lease) -> float:
        now = time.monotonic()
        sighting = self._sightings.get(partition)
        if sighting is None or sighting.ends_at != lease.ends_at:
            self._sightings[partition] = _Sighting(lease.ends_at, now)
            return 0.0
        return now - sighting.seen_at


def next_lease_end() -> float:
    """Return the end of a lease that begins now, in seconds since 1970."""
    return time.time() + LEASE_DURATION


@cache
def host_id() -> str:
    """Identify the space of process ids.

    Machines may share a host name (``localhost``, clones), and containers of a machine do; only
    the run of a kernel and the name space of processes tell them apart.
    """
    parts = [socket.gethostname(), _boot_id()]
    with contextlib.suppress(OSError):
        parts.append(str(os.stat("/proc/self/ns/pid").st_ino))
    return "/".join(parts)


def _boot_id() -> str:
    """Identify the run of this machine's kernel, or the machine where no kernel says so."""
    with contextlib.suppress(OSError):
        return _BOOT_ID_FILE.read_text(encoding="ascii").strip()
    return f"{uuid.getnode():x}"


def _is_process_alive(pid: int) -> bool:
    if os.name != "posix":  # elsewhere `kill` would end it: its lease has to do
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        pass
    return True
