"""Amazon Sponsored Display reports as typed DataFrames, in one call, cached on disk.

>>> import sdanalytics as sda
>>> with sda.sandbox.start() as sandbox:  # no account needed
...     df = sda.fetch_report("campaigns", sandbox.today, client=sandbox.client, cache=False)
>>> df.empty
False
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sdanalytics.errors import (
    ApiError,
    BadRequest,
    CacheError,
    Cancelled,
    ConnectionFailed,
    CorruptReport,
    DownloadFailed,
    Forbidden,
    InvalidReport,
    InvalidRequest,
    NotConfigured,
    NotFound,
    PartialFetchError,
    RateLimited,
    ReportFailed,
    ReportTimeout,
    ReportTooOld,
    Retired,
    SDAnalyticsError,
    ServerError,
    Unauthorized,
)

__version__ = "0.1.0"

__all__ = [
    "ApiError",
    "BadRequest",
    "CacheError",
    "Cancelled",
    "Client",
    "ConnectionFailed",
    "CorruptReport",
    "Credentials",
    "DownloadFailed",
    "Forbidden",
    "InvalidReport",
    "InvalidRequest",
    "NotConfigured",
    "NotFound",
    "PartialFetchError",
    "RateLimited",
    "ReportCache",
    "ReportFailed",
    "ReportJob",
    "ReportPicker",
    "ReportPlan",
    "ReportRequest",
    "ReportResponse",
    "ReportTimeout",
    "ReportTooOld",
    "Retired",
    "SDAnalyticsError",
    "ServerError",
    "Unauthorized",
    "__version__",
    "add_kpis",
    "compare",
    "fetch_report",
    "list_metrics",
    "metrics",
    "pending",
    "plan_report",
    "plots",
    "sandbox",
    "submit_report",
    "summarize",
]

if TYPE_CHECKING:
    from sdanalytics import metrics, plots, sandbox
    from sdanalytics.api.auth import Credentials
    from sdanalytics.api.client import Client, ReportRequest, ReportResponse
    from sdanalytics.cache import ReportCache
    from sdanalytics.job import ReportJob
    from sdanalytics.kpis import add_kpis, compare, summarize
    from sdanalytics.metrics import list_metrics
    from sdanalytics.plan import ReportPlan
    from sdanalytics.report import fetch_report, pending, plan_report, submit_report
    from sdanalytics.widgets import ReportPicker

# These load when they are used: importing the package costs milliseconds, and neither
# pandas nor matplotlib nor a server is loaded for nothing.
_HOMES = {
    "Client": "sdanalytics.api.client",
    "Credentials": "sdanalytics.api.auth",
    "ReportCache": "sdanalytics.cache",
    "ReportJob": "sdanalytics.job",
    "ReportPicker": "sdanalytics.widgets",
    "ReportPlan": "sdanalytics.plan",
    "ReportRequest": "sdanalytics.api.client",
    "ReportResponse": "sdanalytics.api.client",
    "add_kpis": "sdanalytics.kpis",
    "compare": "sdanalytics.kpis",
    "fetch_report": "sdanalytics.report",
    "list_metrics": "sdanalytics.metrics",
    "pending": "sdanalytics.report",
    "plan_report": "sdanalytics.report",
    "submit_report": "sdanalytics.report",
    "summarize": "sdanalytics.kpis",
}
_MODULES = ("metrics", "plots", "sandbox")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
