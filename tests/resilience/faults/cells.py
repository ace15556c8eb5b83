"""The cells of the fault matrix: a fault of an operation, in one exchange or in all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Version:
    """A version of the API and the call that is tested.

    Attributes
    ----------
    page : str
        Its page in the documentation.
    operations : dict of str to str
        The operations and their addresses.
    before : dict of str to (str, int)
        The exchange after which an operation is due: its operation and its number.
    status : str
        The operation that tells how a report is doing.
    building : float
        Simulated seconds that a report takes: it is ready at the second poll, not at the first.
    days : tuple of int
        The first and the last requested day, in days before today.
    call : str
        The reports that this amounts to, in words.
    creates : str
        Why more than one report may be created, and why fewer.
    """

    page: str
    operations: Mapping[str, str]
    before: Mapping[str, tuple[str, int]]
    status: str
    building: float
    days: tuple[int, int]
    call: str
    creates: str


VERSIONS: Final = {
    "v2": Version(
        page="faults.md",
        operations={
            "token": "`POST /auth/o2/token`",
            "profiles": "`GET /v2/profiles`",
            "request_report": "`POST /sd/{recordType}/report`",
            "get_report_status": "`GET /v2/reports/{reportId}`",
            "download_report": "`GET /v2/reports/{reportId}/download`",
            "storage": "the presigned address that it redirects to",
            "campaigns": "`GET /sd/campaigns`",
        },
        before={
            "profiles": ("token", 1),
            "request_report": ("profiles", 1),
            "get_report_status": ("request_report", 1),
            "download_report": ("get_report_status", 2),
            "campaigns": ("download_report", 1),
        },
        status="get_report_status",
        building=1.5,
        days=(2, 2),
        call="the campaigns of one day: two reports, one for each tactic (one report "
        "where connections are refused); where the list of campaigns fails, with their portfolios, "
        "which it alone has",
        creates="More than one is right where a report was lost with the only answer that named "
        "it, is gone, was not built, or cannot be read.",
    ),
    "v3": Version(
        page="faults-v3.md",
        operations={
            "token": "`POST /auth/o2/token`",
            "profiles": "`GET /v2/profiles`",
            "create_report": "`POST /reporting/reports`",
            "get_report": "`GET /reporting/reports/{reportId}`",
            "storage": "the presigned address that it gives",
            "campaigns": "`GET /sd/campaigns`",
        },
        before={
            "profiles": ("token", 1),
            "create_report": ("profiles", 1),
            "get_report": ("create_report", 1),
            "campaigns": ("get_report", 3),  # the last, which gives the address
        },
        status="get_report",
        building=1.5,
        days=(4, 2),
        call="the campaigns of three days: one report, and the list of campaigns that "
        "has their tactics; where it fails, with their portfolios, which it alone has",
        creates="More than one is right where a report is gone, was not built, or cannot be read. "
        "A report whose id was lost with the answer that named it is found again while it is "
        "built (425): it is adopted. A report that another call had requested is not counted.",
    ),
    "v1": Version(
        page="faults-v1.md",
        operations={
            "token": "`POST /auth/o2/token`",
            "profiles": "`GET /v2/profiles`",
            "query_accounts": "`POST /adsApi/v1/query/advertiserAccounts`",
            "create_v1_report": "`POST /adsApi/v1/create/reports`",
            "retrieve_v1_report": "`POST /adsApi/v1/retrieve/reports`",
            "storage": "the presigned address of each part",
            "campaigns": "`GET /sd/campaigns`",
        },
        before={
            "profiles": ("token", 1),
            "query_accounts": ("profiles", 1),
            "create_v1_report": ("query_accounts", 2),
            "retrieve_v1_report": ("create_v1_report", 1),
            "campaigns": ("retrieve_v1_report", 3),  # the last, which gives the addresses
        },
        status="retrieve_v1_report",
        building=3.0,
        days=(4, 2),
        call="the campaigns of three days: one report of two parts, and the list of campaigns that "
        "has their tactics; where it fails, with their portfolios, which it alone has",
        creates="More than one is right where a report was lost with the only answer that named "
        "it, is gone, was not built, or cannot be read: it is not known whether the service tells "
        "equal reports apart, so one that may have been requested is not requested again.",
    ),
}


@dataclass(frozen=True)
class Cell:
    """A fault of one operation of a version, in one exchange or in all."""

    api: str
    operation: str
    fault: str
    lasts: bool

    def __str__(self) -> str:
        return f"{self.api} {self.operation}: {self.fault}, {self.extent}"

    @property
    def extent(self) -> str:
        """The duration of the fault, in words."""
        return "for good" if self.lasts else "once"

    @property
    def version(self) -> Version:
        """The version of the API."""
        return VERSIONS[self.api]
