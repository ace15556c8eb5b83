"""Errors as users see them: their own line and the message, not the frames of the engine."""

from __future__ import annotations

from sdanalytics.errors import SDAnalyticsError


def remove_frames(error: BaseException) -> None:
    """Remove the frames that led to an error, and its context (errors handled when it was raised).

    Its notes stay, and so does its cause, without frames. Errors that are not raised on purpose
    are bugs, and remain unchanged.
    """
    if not isinstance(error, SDAnalyticsError):
        return
    current: BaseException | None = error
    while current is not None:
        current.__traceback__ = None
        current.__suppress_context__ = True
        current = current.__cause__
