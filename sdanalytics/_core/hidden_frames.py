"""Errors without the frames that led to them: local variables there may hold secrets.

Notebooks (IPython's verbose mode), rich and crash reporters show the local variables of each
frame of a traceback: tokens, headers, presigned URLs.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from sdanalytics.errors import SDAnalyticsError

P = ParamSpec("P")
T = TypeVar("T")


class _CallResult:
    """The value or the error of a call; its text shows neither."""

    __slots__ = ("error", "value")

    def __init__(self, value: Any = None, error: BaseException | None = None) -> None:
        self.value = value
        self.error = error


def hide_frames(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function so that its errors have none of its frames, nor its arguments.

    Errors that are not raised on purpose are bugs: their lines are in a note.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        result = _call(function, args, kwargs)
        del args, kwargs
        if result.error is not None:
            raise result.error
        value: T = result.value
        return value

    return call


def remove_frames(error: BaseException) -> None:
    """Remove the frames that led to an error, and its context (errors handled when it was raised).

    Its notes stay, and so does its cause, without frames.
    """
    current: BaseException | None = error
    while current is not None:
        current.__traceback__ = None
        current.__context__ = current.__cause__
        current.__suppress_context__ = True
        current = current.__cause__


def _call(function: Callable[..., T], args: Any, kwargs: Any) -> _CallResult:
    try:
        return _CallResult(function(*args, **kwargs))
    except BaseException as error:
        if not isinstance(error, SDAnalyticsError | KeyboardInterrupt):
            error.add_note("".join(traceback.format_tb(error.__traceback__)))
        remove_frames(error)
        return _CallResult(error=error)
