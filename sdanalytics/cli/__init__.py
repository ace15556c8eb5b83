"""The command line: ``sdanalytics``, and ``python -m sdanalytics``.

Exit codes: 0 when all is there, 1 when something is missing or failed, 2 when the command is used
wrongly or lacks a setting, 130 after Ctrl-C, 143 after SIGTERM.
"""

from sdanalytics.cli.command_line import build_parser, main

__all__ = ["build_parser", "main"]
