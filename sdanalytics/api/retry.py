"""Retries: which requests are sent again, and after how long.

Reads are sent again on 429, 5xx, broken connections and responses that are not what the operation
answers; a request that creates something only if the first one certainly created nothing.
"""

from __future__ import annotations

import contextlib
import email.utils
import random
import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from sdanalytics._core.deadline import Deadline
from sdanalytics.api.answers import FindFault, is_redirect_elsewhere
from sdanalytics.api.error_mapping import throttle_advice
from sdanalytics.api.rate_limit import RateLimiter
from sdanalytics.api.transport import Response, timeout_error
from sdanalytics.errors import ConnectionFailed, RateLimited, SDAnalyticsError

MAX_ATTEMPTS: Final = 5
"""Attempts, at most, for a request that meets 5xx responses or broken connections."""
MIN_BACKOFF: Final = 0.5
"""Seconds to wait, at most, before the first retry; the bound doubles with each attempt."""
MAX_BACKOFF: Final = 60.0
"""Seconds to wait, at most, before any retry."""
MAX_SERVER_RETRY_AFTER: Final = 10.0
"""Seconds to wait, at most, because a 5xx response says so."""
_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+")
GATEWAY_STATUSES: Final = (502, 504)
"""Statuses of a gateway that lost the service's response: what the service did is unknown."""


def send_with_retry(
    send: Callable[[], Response],
    operation: str,
    *,
    deadline: Deadline,
    limiter: RateLimiter,
    find_fault: FindFault = lambda response: None,
    is_create: bool = False,
    non_idempotent: bool = False,
    max_attempts: int = MAX_ATTEMPTS,
    max_throttles: int | None = None,
) -> Response:
    """Send a request until its response is final.

    Parameters
    ----------
    send : callable
        Sends the request once.
    operation : str
        The name of the operation, for the log.
    deadline : Deadline
        The deadline of the whole call.
    limiter : RateLimiter
        The rate limiter of the host.
    find_fault : callable
        What is wrong with a response below 400 (`sdanalytics.api.answers`). One with a fault
        counts as a broken connection; it is returned when no retry is left, or none could be
        before the deadline.
    is_create : bool
        Whether the request creates a report: creates have limits of their own.
    non_idempotent : bool
        Whether sending it twice may create two reports. Then it is retried only if the first
        request cannot have arrived, or the service itself answered 429 or 5xx. A 502 or 504 of
        a gateway, which lost the service's response, counts as a broken connection.
    max_attempts : int
        Attempts, at most, when it meets broken connections, faults or 5xx responses.
    max_throttles : int or None
        429 responses to wait out; None: as many as the deadline allows.

    Returns
    -------
    Response
        The first that is neither 429 nor 5xx and has no fault; the last one when retries are used
        up.

    Raises
    ------
    ConnectionFailed
        When the last attempt got no response.
    ReportTimeout
        When the deadline passes.
    RateLimited
        When the service's limits delay the request beyond the deadline.
    """
    failures = throttles = 0
    while True:
        if not limiter.acquire(deadline, is_create=is_create):
            raise _deadline_error(deadline, limiter, is_create=is_create)
        sent_at = deadline.clock.now().timestamp()
        try:
            response = send()
        except ConnectionFailed as error:
            failures += 1
            if failures == max_attempts or (non_idempotent and error.sent):
                raise
            cause = str(error)
            wait = backoff(failures)
        else:
            requested_wait = retry_after(response, deadline.clock.now())
            if response.status == 429:
                throttles += 1
                limiter.on_throttled(operation, sent_at, requested_wait, is_create=is_create)
                can_resume = limiter.can_resume_before(deadline, is_create=is_create)
                if throttles == max_throttles or not can_resume:
                    return response
                continue
            limiter.on_success(is_create=is_create)
            cause = _find_failure(response, find_fault)
            if not cause:
                return response
            failures += 1
            wait = _choose_wait(failures, requested_wait)
            if failures == max_attempts or (non_idempotent and _is_outcome_unknown(response)):
                return response
            if response.status < 400 and wait >= deadline.remaining:
                return response
        limiter.events.log(operation, "%s: %s; retrying in %.1f s", operation, cause, wait)
        deadline.wait(min(wait, deadline.remaining))


def backoff(attempt: int) -> float:
    """Return seconds to wait before a retry: exponential, capped, the upper half jittered.

    Half of it is certain, so that a retry is never immediate; the rest spreads out requests that
    failed together.
    """
    bound = min(MAX_BACKOFF, MIN_BACKOFF * 2.0**attempt)
    return random.uniform(bound / 2, bound)


def retry_after(response: Response, now: datetime) -> float | None:
    """Parse the Retry-After header, a number or an HTTP date, as seconds; None without one.

    A number may have decimals, a date any of the three formats of HTTP; a date in the past is 0.
    """
    value = response.headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    with contextlib.suppress(ValueError, OverflowError):
        moment = email.utils.parsedate_tz(value)
        if moment is not None:
            return max(0.0, email.utils.mktime_tz(moment) - now.timestamp())
    return None


def rate_limited_error(until: datetime) -> RateLimited:
    """Return the error of a call that the service's limits delay beyond its deadline."""
    return RateLimited(
        "the service is throttling (429) beyond the deadline of the call. "
        f"{throttle_advice(until)}",
        status=429,
        until=until,
    )


def _deadline_error(
    deadline: Deadline, limiter: RateLimiter, *, is_create: bool
) -> SDAnalyticsError:
    """Return the error of a call that cannot send another request before its deadline."""
    if deadline.remaining <= 0:
        return timeout_error(deadline)
    return rate_limited_error(limiter.allowed_at(is_create=is_create))


def _find_failure(response: Response, find_fault: FindFault) -> str:
    """Return why a request may be sent again; empty for a response that is final."""
    if response.status >= 500:
        return f"status {response.status}"
    if response.status >= 400 or is_redirect_elsewhere(response):
        return ""
    fault = find_fault(response)
    if fault:
        return f"status {response.status}: the answer {fault}"
    return ""


def _is_outcome_unknown(response: Response) -> bool:
    """Return whether a request without its answer may have been carried out all the same."""
    return response.status < 400 or response.status in GATEWAY_STATUSES


def _choose_wait(failures: int, requested_wait: float | None) -> float:
    """Return the seconds to wait after a failure."""
    if requested_wait is None:
        return backoff(failures)
    # The wait blocks one of a few workers: a longer one is left to the next call.
    return min(requested_wait, MAX_SERVER_RETRY_AFTER)
