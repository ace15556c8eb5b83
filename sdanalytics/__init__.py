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

# Public names stand in __init__.pyi, once, and load when they are used: importing the package
# costs milliseconds, and neither pandas nor matplotlib nor a server is loaded for nothing.
__getattr__, _, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __dir__() -> list[str]:
    """List what tab completion offers: exceptions are found in `sdanalytics.errors`."""
    return [name for name in __all__ if not hasattr(errors, name)]
