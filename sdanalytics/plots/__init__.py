"""Matplotlib figures of reports: data first, the rest by keyword, an Axes back."""

from __future__ import annotations

import lazy_loader

# The figures are named in __init__.pyi, and load matplotlib when they are used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
