"""A local stand-in for the service: everything runs without an account.

>>> from sdanalytics import sandbox
>>> with sandbox.start() as box:
...     names = box.client.profiles()["accountName"].tolist()
>>> names
['Northwind Outdoor', 'Alpenglück GmbH', '青葉商店']
"""

from __future__ import annotations

from typing import Any

import lazy_loader

from sdanalytics.sandbox.launcher import missing_package_error

# Public names are listed once, in __init__.pyi, and load when they are used.
_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    try:
        return _load(name)
    except ImportError as error:
        # Installed without dependencies, the names that need the server library do not exist, so
        # that `hasattr` works, and only starting a sandbox is an error.
        raise AttributeError(f"{name}: {missing_package_error(error)}") from error
