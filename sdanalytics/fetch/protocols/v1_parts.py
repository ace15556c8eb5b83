"""The parts of a version 1 report: their links, and whether each has arrived whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sdanalytics.api.documents import is_integer, is_valid_text
from sdanalytics.api.session import ApiSession
from sdanalytics.errors import CorruptReport

MAX_PARTS: Final = 100
"""Parts of a report, at most."""


@dataclass(frozen=True)
class PartLink:
    """The address of a part of a report.

    Attributes
    ----------
    number : int
        From 1 on.
    url : str
        Presigned, and so a secret.
    size : int or None
        Bytes; None if the service does not say.
    """

    number: int
    url: str = field(repr=False)
    size: int | None


def list_links(report: Mapping[str, Any]) -> list[PartLink]:
    """Return the links of the parts of a report that is completed; none if it has no rows.

    Raises
    ------
    CorruptReport
        When a part has no address, or the service lists no parts at all: rows that are missing
        would be taken for days without activity.
    """
    parts = report.get("completedReportParts")
    if not isinstance(parts, list) or len(parts) > MAX_PARTS:
        raise CorruptReport(
            f"the service lists no parts of report {report['reportId']} although it is completed: "
            "none of its days is stored. Call again"
        )
    links = []
    for number, part in enumerate(parts, 1):
        url = None
        if isinstance(part, dict):
            url = part.get("url")
        if not url or not is_valid_text(url):
            raise CorruptReport(
                f"part {number} of {len(parts)} of report {report['reportId']} has no address: its "
                "rows are missing, and none of its days is stored. Call again"
            )
        size = part.get("sizeInBytes")
        if not is_integer(size):
            size = None
        links.append(PartLink(number, url, size))
    return links


def read_part(session: ApiSession, link: PartLink, report_id: str, count: int) -> bytes:
    """Download a part, and check that it is whole.

    Raises
    ------
    DownloadFailed
        When storage refuses its link, which may have expired, or cannot be reached.
    CorruptReport
        When it has another size than the service says.
    """
    body = session.download_url(link.url, report_id)
    if link.size is not None and len(body) != link.size:
        raise CorruptReport(
            f"part {link.number} of {count} of report {report_id} has {len(body):,} bytes instead "
            f"of {link.size:,}: nothing of the report is stored. Call again",
            report_id=report_id,
        )
    return body
