"""The exceptions of this library.

Each message says what happened and what to do next, and never holds a token, a secret or a
presigned URL. The tree::

    SDAnalyticsError
    ├── InvalidRequest (ValueError)
    ├── NotConfigured
    │   └── MissingDependency (ImportError)
    ├── ApiError
    │   ├── BadRequest
    │   ├── Unauthorized
    │   ├── Forbidden
    │   ├── NotFound
    │   │   └── Retired
    │   ├── ReportTooOld
    │   ├── InvalidReport
    │   ├── RateLimited
    │   ├── ServerError
    │   └── ConnectionFailed
    ├── ReportFailed
    ├── ReportTimeout
    ├── DownloadFailed
    │   └── NotReady
    ├── CorruptReport
    ├── CacheError
    ├── Cancelled
    └── PartialFetchError

All warnings are `SDAnalyticsWarning` (UserWarning), and point at the user's line.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd


class SDAnalyticsError(Exception):
    """Base class of all errors that this library raises on purpose."""


class SDAnalyticsWarning(UserWarning):
    """Base class of all warnings: the result is right, but may not be what it is taken for."""


class InvalidRequest(SDAnalyticsError, ValueError):
    """An argument is invalid; raised before any network request."""


class NotConfigured(SDAnalyticsError):
    """A setting that the call needs is missing or wrong: a credential, a profile."""


class MissingDependency(NotConfigured, ImportError):
    """A package that the call needs, one of an extra, is not installed.

    Attributes
    ----------
    name : str
        The package, as ``pip install`` takes it.
    """

    @classmethod
    def for_module(cls, module: str | None, feature: str) -> MissingDependency:
        """Return the error for a module that `feature` could not import."""
        package, _, _ = str(module).partition(".")
        return cls(f"{feature} needs the package {package}: pip install {package}", name=package)


class ApiError(SDAnalyticsError):
    """The service responded to a request with an error.

    Attributes
    ----------
    operation : str
        The operation that failed, such as ``"request_report"``.
    status : int or None
        HTTP status code; None if there was no response.
    code, details : str or None
        The service's explanation, without secrets.
    request_id : str or None
        Amazon's id of the request: quote it to their support.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str = "",
        status: int | None = None,
        code: str | None = None,
        details: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.status = status
        self.code = code
        self.details = details
        self.request_id = request_id


class BadRequest(ApiError):
    """400: the service does not understand the request, or does not support it here."""


class Unauthorized(ApiError):
    """401: the access token was refused, a fresh one too; or the login was refused."""


class Forbidden(ApiError):
    """403: the login is valid, but has no access to this account or product."""


class NotFound(ApiError):
    """404: the report does not exist, or belongs to another profile."""


class Retired(NotFound):
    """404 or 410 for a report request: this version of the API has been switched off."""


class ReportTooOld(ApiError):
    """406, or 400 for a start before the history: the service no longer has this day.

    Attributes
    ----------
    last_day : datetime.date or None
        The newest day that it no longer has; None if it is known of one report only.
    """

    last_day: date | None = None


class InvalidReport(ApiError):
    """422: the service refuses the parameters of the report."""


class RateLimited(ApiError):
    """429: too many requests, for longer than the call may wait.

    Attributes
    ----------
    until : datetime.datetime or None
        UTC; the moment from which a request may be accepted: as the service says by
        ``Retry-After``, or else estimated.
    """

    def __init__(self, message: str, *, until: datetime | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.until = until


class ServerError(ApiError):
    """5xx: the service failed, also when tried again."""


class ConnectionFailed(ApiError):
    """The service did not respond: no connection, a broken one, or a timeout.

    Attributes
    ----------
    sent : bool
        Whether the service may have received the request.
    """

    sent: bool = True


class Cancelled(SDAnalyticsError):
    """The job was cancelled before it had finished."""


class ReportFailed(SDAnalyticsError):
    """The service could not build a report (status FAILURE).

    Attributes
    ----------
    report_id : str
    details : str or None
        The service's reason.
    """

    def __init__(self, message: str, *, report_id: str = "", details: str | None = None) -> None:
        super().__init__(message)
        self.report_id = report_id
        self.details = details


class ReportTimeout(SDAnalyticsError):
    """The timeout of the call passed before all its reports were ready.

    Attributes
    ----------
    report_ids : tuple of str
        The reports that were still in flight.
    """

    def __init__(self, message: str, *, report_ids: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.report_ids = report_ids


class DownloadFailed(SDAnalyticsError):
    """A report is ready but could not be downloaded: storage refused, or did not respond.

    Attributes
    ----------
    report_id : str
    is_refused : bool
        Whether storage refused the link (most likely it has expired), so that a new report is
        needed; otherwise the same report can be downloaded later.
    """

    def __init__(self, message: str, *, report_id: str = "", is_refused: bool = False) -> None:
        super().__init__(message)
        self.report_id = report_id
        self.is_refused = is_refused


class NotReady(DownloadFailed):
    """A report is not ready although the service said so: it is polled again."""


class CorruptReport(SDAnalyticsError):
    """A payload is damaged, or one of its values does not fit its type.

    Attributes
    ----------
    report_id : str
    field : str or None
        The field of the invalid value.
    row : int or None
        Its row, counted from 0; None if the payload as a whole is damaged.
    """

    def __init__(
        self,
        message: str,
        *,
        report_id: str = "",
        field: str | None = None,
        row: int | None = None,
    ) -> None:
        super().__init__(message)
        self.report_id = report_id
        self.field = field
        self.row = row


class PeriodWarning(SDAnalyticsWarning):
    """Two periods are compared that differ in more than what happened in them.

    They differ in length, the frame lacks days of one, they overlap or are swapped; or Amazon
    counted the results of one by another model than those of the other. Also of a month that is
    paced: the frame lacks days of it, or does not tell whether its last day had ended.
    """


class ImmatureWarning(SDAnalyticsWarning):
    """Periods are compared of which conversions are still arriving: they will rise."""


class CostTypeWarning(SDAnalyticsWarning):
    """Rows without a cost type count by click, which is too few for vCPM campaigns."""


class DataWarning(SDAnalyticsWarning):
    """The service's data were taken as they are, and something about them is odd.

    A metric that no row has, rows that nothing tells apart, another currency.
    """


class CacheError(SDAnalyticsError):
    """The cache cannot be read or written: the disk, the permissions, the path."""


class PartialFetchError(SDAnalyticsError):
    """Some partitions of a call could not be fetched; all others are stored.

    Calling again requests only the missing ones.

    Attributes
    ----------
    failures : dict
        What is missing, each with the reason, an `SDAnalyticsError`. Of a call for one profile by
        `Partition`; of a call with ``profiles=`` by profile id (str), where the reason may be
        another `PartialFetchError`, of that profile.
    frame : pandas.DataFrame or None
        Of a call with ``profiles=``: the whole days that there are of each profile, and in
        ``attrs["sdanalytics"]["profiles"]`` the missing ones. None for one profile.
    """

    def __init__(
        self,
        message: str,
        *,
        failures: Mapping[Any, SDAnalyticsError] | None = None,
        frame: pd.DataFrame | None = None,
    ) -> None:
        super().__init__(message)
        self.failures: dict[Any, SDAnalyticsError] = dict(failures or {})
        self.frame = frame
