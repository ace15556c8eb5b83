"""The exit codes of the command line."""

from __future__ import annotations

from typing import Final

from sdanalytics.errors import InvalidRequest, NotConfigured, Unauthorized

EXIT_OK: Final = 0
"""All is there."""
EXIT_MISSING: Final = 1
"""Something is missing or failed: the next run may get it."""
EXIT_USAGE: Final = 2
"""Bad usage, as of argparse, or a setting or login that is missing or wrong."""
EXIT_INTERRUPTED: Final = 130
"""After Ctrl-C, as of a shell: 128 and the number of the signal."""
EXIT_TERMINATED: Final = 143
"""After SIGTERM, likewise."""

EXIT_CODES_HELP: Final = (
    "Exit codes: 0 all there; 1 something is missing or failed, run it again; 2 bad usage, or "
    "a setting or login is missing or wrong; 130 and 143 ended by Ctrl-C and SIGTERM."
)


def choose_exit_code(error: Exception) -> int:
    """Return the exit code for an error: whether somebody has to act, or time may help."""
    needs_somebody = isinstance(error, InvalidRequest | NotConfigured | Unauthorized)
    return EXIT_USAGE if needs_somebody else EXIT_MISSING
