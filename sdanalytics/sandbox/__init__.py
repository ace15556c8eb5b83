"""A local stand-in for the service: everything runs without an account.

>>> from sdanalytics import sandbox
>>> with sandbox.start() as box:
...     names = box.client.profiles()["accountName"].tolist()
>>> names
['Northwind Outdoor', 'Alpenglück GmbH', '青葉商店']
"""

from __future__ import annotations

from typing import Any

from sdanalytics.errors import NotConfigured

try:
    from sdanalytics.sandbox.server import Sandbox
    from sdanalytics.sandbox.service import Answer, Report, Settings
except ImportError as error:
    raise NotConfigured(
        f"the sandbox needs {error.name}: pip install 'sdanalytics[sandbox]'"
    ) from error

__all__ = ["Answer", "Report", "Sandbox", "Settings", "start"]


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
    """
    return Sandbox(Settings(**settings), port)
