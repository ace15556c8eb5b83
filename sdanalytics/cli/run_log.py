"""The log of a command, on standard error: a line for each profile, or more."""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Final, TextIO

from sdanalytics.errors import SDAnalyticsWarning

logger = logging.getLogger("sdanalytics.cli")

_FORMAT: Final = "%(asctime)s %(levelname)s %(message)s"
_TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%S%z"


@contextlib.contextmanager
def show_log(options: argparse.Namespace) -> Iterator[None]:
    """Show the log lines of the package, and its warnings as such, while the block runs.

    Of the library only what goes wrong, unless the command is ``--verbose``.
    """
    library = logging.getLogger("sdanalytics")
    handler = _make_handler()
    levels = library.level, logger.level
    library.addHandler(handler)
    library.setLevel(logging.INFO if options.verbose else logging.WARNING)
    logger.setLevel(logging.WARNING if options.quiet else logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", SDAnalyticsWarning)
            warnings.showwarning = _log_warning
            yield
    finally:
        library.removeHandler(handler)
        library.setLevel(levels[0])
        logger.setLevel(levels[1])


def _make_handler() -> logging.Handler:
    handler = _BesideBars(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT, _TIME_FORMAT))
    return handler


class _BesideBars(logging.StreamHandler[TextIO]):
    """A handler that clears the progress bars of a terminal while it writes a line."""

    def emit(self, record: logging.LogRecord) -> None:
        if "tqdm" not in sys.modules:
            super().emit(record)
            return
        from tqdm import tqdm

        with tqdm.external_write_mode(file=self.stream):
            super().emit(record)


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if issubclass(category, SDAnalyticsWarning):
        logger.warning("%s", message)
    else:
        logger.warning("%s: %s", category.__name__, message)
