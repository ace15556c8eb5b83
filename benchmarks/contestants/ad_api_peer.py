"""python-amazon-ad-api: download a report as data, and make a frame of it."""

from __future__ import annotations

import pandas as pd
from ad_api.api.sd.reports import Reports

from benchmarks.contestants.common import JOB, TRANSFER, compete, summarize_frame

CREDENTIALS = {
    "refresh_token": "none is needed",
    "client_id": JOB["client_id"],
    "client_secret": "none is needed",
    "profile_id": JOB["profile_id"],
}
REPORTS = Reports(credentials=CREDENTIALS, access_token=JOB["token"])


def work() -> pd.DataFrame:
    return pd.DataFrame(REPORTS.download_report(url=JOB["location"], format="data").payload)


TRANSFER.watch_requests()
compete(work, summarize_frame)
