"""Downloads from storage, which is another host than the API and has no limits of its own."""

from __future__ import annotations

import logging
import time
from typing import Final

from sdanalytics._core.deadline import Deadline
from sdanalytics._core.limiter_state import InMemoryLimiterState
from sdanalytics.api.create_pacing import CreatePacing
from sdanalytics.api.rate_limit import RateLimiter
from sdanalytics.api.retry import send_with_retry
from sdanalytics.api.transport import Response, Transport

logger = logging.getLogger("sdanalytics")

STORAGE_MAX_ATTEMPTS: Final = 2
"""Attempts for one URL of storage, which is valid for 30 seconds."""


def get_from_storage(
    transport: Transport, deadline: Deadline, url: str, report_id: str, max_bytes: int
) -> Response:
    """Download a payload, which may have at most so many bytes; try again where it broke off."""

    def send() -> Response:
        started = time.perf_counter()
        response = transport.download(url, deadline, max_bytes)
        logger.debug(
            "storage: report %s: %d, %d bytes in %.0f ms",
            report_id,
            response.status,
            len(response.body),
            milliseconds_since(started),
        )
        return response

    limiter = RateLimiter(deadline.clock, InMemoryLimiterState(), CreatePacing(None))
    return send_with_retry(
        send, "storage", deadline=deadline, limiter=limiter, max_attempts=STORAGE_MAX_ATTEMPTS
    )


def milliseconds_since(started: float) -> float:
    """Return the milliseconds since a moment of `time.perf_counter`."""
    return 1000 * (time.perf_counter() - started)
