"""A local stand-in for the service: everything runs without an account.

>>> from sdanalytics import sandbox
>>> with sandbox.start() as box:
...     names = box.client.profiles()["accountName"].tolist()
>>> names
['Northwind Outdoor', 'Alpenglück GmbH', '青葉商店']
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sdanalytics.errors import NotConfigured

if TYPE_CHECKING:
    from sdanalytics.sandbox.report_store import Report
    from sdanalytics.sandbox.scripting import ScriptedResponse
    from sdanalytics.sandbox.server import Sandbox
    from sdanalytics.sandbox.settings import Settings

__all__ = ["Report", "Sandbox", "ScriptedResponse", "Settings", "start"]

# The server library is an extra: without it names below are missing, and only starting a
# sandbox is an error.
_HOMES = {
    "Sandbox": "server",
    "ScriptedResponse": "scripting",
    "Report": "report_store",
    "Settings": "settings",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        try:
            return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        except ImportError as error:
            raise AttributeError(f"{name}: {_missing(error)}") from error
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def start(port: int = 0, **settings: Any) -> Sandbox:
    """Start a sandbox on this machine; a context manager that stops it.

    Parameters
    ----------
    port : int
        Where the API listens; 0: any free port. Storage listens on another.
    **settings
        See `Settings`: delay, rate_limit, queue_limit, link_lifetime, ...

    Returns
    -------
    Sandbox
        Its `client` is ready to use.

    Raises
    ------
    NotConfigured
        When the server library is not installed.
    InvalidRequest
        When a setting makes no sense, or the port cannot be had.
    """
    try:
        from sdanalytics.sandbox.server import Sandbox
        from sdanalytics.sandbox.settings import Settings
    except ImportError as error:
        raise NotConfigured(_missing(error)) from error
    return Sandbox(Settings(**settings), port)


def _missing(error: ImportError) -> str:
    return (
        f"the sandbox needs the package {error.name}: pip install {error.name}, "
        "or install sdanalytics with its extra 'sandbox'"
    )
