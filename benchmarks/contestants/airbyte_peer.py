"""airbyte-source-amazon-ads: read its stream of version 2 reports, and make a frame.

Only the request of the report is left out: it is ready, as it is for all contestants.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from airbyte_cdk.models import SyncMode
from source_amazon_ads.schemas import Profile
from source_amazon_ads.streams.report_streams.display_report import SponsoredDisplayReportStream
from source_amazon_ads.streams.report_streams.report_streams import ReportInfo, Status

from benchmarks.contestants.common import JOB, TRANSFER, compete, summarize_frame

PROFILE = Profile(
    profileId=int(JOB["profile_id"]),
    timezone="America/Los_Angeles",
    accountInfo={"marketplaceStringId": "ATVPDKIKX0DER", "id": "ENTITY1", "type": "seller"},
)
SLICE = {"profile": PROFILE, "reportDate": JOB["date"]}


class Token:
    """An authenticator with an existing token."""

    def get_auth_header(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {JOB['token']}"}

    def __call__(self, request: Any) -> Any:
        request.headers.update(self.get_auth_header())
        return request


class Stream(SponsoredDisplayReportStream):  # type: ignore[misc]
    """The stream of the connector, with one report that is ready."""

    def _init_and_try_read_records(self, profile: Any, report_date: str) -> list[Any]:
        info = ReportInfo(
            report_id=JOB["report_id"],
            profile_id=profile.profileId,
            record_type=JOB["record_type"],
            status=Status.SUCCESS,
            metric_objects=[],
        )
        info.metric_objects = self._download_report(info, JOB["location"])
        return [info]


def work() -> pd.DataFrame:
    config = {"client_id": JOB["client_id"], "region": "NA", "look_back_window": 3}
    stream = Stream(config, [PROFILE], authenticator=Token())
    records = stream.read_records(SyncMode.full_refresh, stream_slice=SLICE)
    return pd.DataFrame([record["metric"] for record in records])


TRANSFER.watch_requests()
compete(work, summarize_frame)
