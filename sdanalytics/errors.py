"""Everything that can go wrong, as one tree of exceptions.

Catch `SDAnalyticsError` for all of it. Each message says what happened and what to
do next, and never holds a token, a secret or a presigned address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sdanalytics.model.partition import Partition


class SDAnalyticsError(Exception):
    """Root of all errors that this library raises on purpose."""


class InvalidRequest(SDAnalyticsError, ValueError):
    """What was asked for cannot exist; raised before any network is touched."""


class NotConfigured(SDAnalyticsError):
    """Something the call needs is not set: a credential, a profile, an extra."""


class MissingDependency(NotConfigured, ImportError):
    """A package that the call needs, most likely of an extra, is not installed."""


class ApiError(SDAnalyticsError):
    """The service answered a request with an error.

    Attributes
    ----------
    operation : str
        The operation that was answered so, such as ``"request_report"``.
    status : int or None
        HTTP status code; None where no answer came.
    code, details : str or None
        What the service says of it, secrets removed.
    request_id : str or None
        Amazon's id of the exchange: quote it to their support.
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
    """400: the service does not understand the request or does not support it here."""


class Unauthorized(ApiError):
    """401: the login was refused, with a fresh token too; or Login with Amazon refused it."""


class Forbidden(ApiError):
    """403: the login is good, but has no access to this account or product."""


class NotFound(ApiError):
    """404: there is no such report, or it is another profile's."""


class Retired(NotFound):
    """404 or 410 where reports are asked for: this version of the API is switched off there."""


class ReportTooOld(ApiError):
    """406: the service no longer has this day."""


class InvalidReport(ApiError):
    """422: the service refuses these parameters."""


class RateLimited(ApiError):
    """429: too many requests, for longer than the call may wait."""


class ServerError(ApiError):
    """5xx: the service failed, also when tried again."""


class ConnectionFailed(ApiError):
    """No answer came: no connection, a broken one, or silence.

    Attributes
    ----------
    sent : bool
        Whether the service may have received the request.
    """

    sent: bool = True


class Cancelled(SDAnalyticsError):
    """A job was cancelled before its frame was there."""


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
    """The call's timeout passed before all its reports had arrived.

    Attributes
    ----------
    report_ids : tuple of str
        The reports that the service was still building.
    """

    def __init__(self, message: str, *, report_ids: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.report_ids = report_ids


class DownloadFailed(SDAnalyticsError):
    """A finished report could not be downloaded: storage refused it, or could not be reached.

    Attributes
    ----------
    report_id : str
    is_refused : bool
        Whether storage refused the link (it expired, most likely), so that a new report is
        needed; else the same report can be had later.
    """

    def __init__(self, message: str, *, report_id: str = "", is_refused: bool = False) -> None:
        super().__init__(message)
        self.report_id = report_id
        self.is_refused = is_refused


class NotReady(DownloadFailed):
    """A report that was said to be ready is not: it is waited for again."""


class CorruptReport(SDAnalyticsError):
    """A payload is damaged, or a value in it does not fit its type.

    Attributes
    ----------
    report_id : str
    field : str or None
        The field whose value does not fit.
    row : int or None
        The row of it, counted from 0; None where the payload as a whole is damaged.
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


class CacheError(SDAnalyticsError):
    """The store cannot be written or read: the disk, the permissions, the path."""


class PartialFetchError(SDAnalyticsError):
    """Some reports of a call failed; all others arrived and are stored.

    Calling again asks only for what is missing.

    Attributes
    ----------
    failures : dict of Slice to SDAnalyticsError
        What is missing, and why.
    """

    def __init__(
        self, message: str, *, failures: Mapping[Partition, SDAnalyticsError] | None = None
    ) -> None:
        super().__init__(message)
        self.failures = dict(failures or {})
