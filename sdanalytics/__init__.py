"""Amazon Sponsored Display reports as typed DataFrames, in one call, cached on disk.

>>> import sdanalytics as sda
>>> with sda.sandbox.start() as sandbox:  # no account needed
...     df = sda.fetch_report("campaigns", sandbox.today, client=sandbox.client, cache=False)
>>> df.empty
False
"""

from __future__ import annotations

import lazy_loader

from sdanalytics import errors

# Public names are listed once, in __init__.pyi, and load on first use: importing the package takes
# milliseconds, and loads neither pandas nor matplotlib nor a server.
__getattr__, _, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __dir__() -> list[str]:
    """List the names for tab completion; exceptions are in `sdanalytics.errors`."""
    return [name for name in __all__ if not hasattr(errors, name)]
