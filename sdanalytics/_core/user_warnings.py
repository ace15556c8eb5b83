"""Warnings that point at the user's line, however deep inside the package they are raised."""

from __future__ import annotations

import inspect
import os
import warnings
from typing import Final

from sdanalytics.errors import SDAnalyticsWarning

_PACKAGE_FOLDER: Final = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")


def warn_user(
    message: str, category: type[Warning] = SDAnalyticsWarning, *, each_time: bool = False
) -> None:
    """Issue a warning for the line outside of this package that led to the call.

    Parameters
    ----------
    message : str
    category : type of Warning, optional
    each_time : bool
        Whether a line that is run again warns again; Python's filters still apply.
    """
    # By hand: `skip_file_prefixes` of `warnings.warn` is new in Python 3.12.
    stacklevel = level = 1
    outermost = frame = inspect.currentframe()
    while frame is not None:
        level += 1
        if frame.f_code.co_filename.startswith(_PACKAGE_FOLDER):
            stacklevel = level
            outermost = frame
        frame = frame.f_back
    caller = outermost.f_back if outermost is not None else None
    if each_time and caller is not None:
        # Without a registry nothing remembers that the line has warned before.
        warnings.warn_explicit(message, category, caller.f_code.co_filename, caller.f_lineno)
        return
    warnings.warn(message, category, stacklevel=stacklevel)
