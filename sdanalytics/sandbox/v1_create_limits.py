"""How fast version 1 lets reports be created."""

from __future__ import annotations

import math
from collections.abc import Sized
from typing import Final

from sdanalytics.sandbox.responses import ApiErrorResponse
from sdanalytics.sandbox.settings import Settings

_CLOCK_ERROR: Final = 0.001
"""Seconds by which a create may be early."""


class CreateLimits:
    """The limits on creates, of all accounts of the login together.

    Nothing about them is documented: they are as people met them. What is too fast or too much is
    answered with 429 without ``Retry-After``, and so are all creates of the next minutes.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._last_create = -math.inf
        self._blocked_until = -math.inf

    def check(self, building: Sized) -> None:
        """Raise a 429 where a create comes too soon.

        Parameters
        ----------
        building : sized
            The reports in flight.
        """
        settings = self._settings
        now = settings.monotonic()
        limit = settings.v1_queue_limit
        is_full = limit is not None and len(building) >= limit
        is_early = now - self._last_create < settings.v1_create_gap - _CLOCK_ERROR
        if is_full or is_early:
            self._blocked_until = max(self._blocked_until, now + settings.v1_penalty)
        if now < self._blocked_until - _CLOCK_ERROR:
            raise ApiErrorResponse(429, "TOO_MANY_REQUESTS", "Too Many Requests")

    def note_create(self) -> None:
        """Begin to wait for the next create."""
        self._last_create = self._settings.monotonic()
