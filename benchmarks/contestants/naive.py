"""The notebook that everybody writes first: requests, gzip, json, pandas."""

from __future__ import annotations

import gzip
import json

import pandas as pd
import requests

from benchmarks.contestants.common import JOB, TRANSFER, compete, facts_of

HEADERS = {
    "Authorization": f"Bearer {JOB['token']}",
    "Amazon-Advertising-API-ClientId": JOB["client_id"],
    "Amazon-Advertising-API-Scope": JOB["profile_id"],
}


def work() -> pd.DataFrame:
    answer = requests.get(JOB["location"], headers=HEADERS, timeout=60)
    answer.raise_for_status()
    return pd.DataFrame(json.loads(gzip.decompress(answer.content)))


TRANSFER.watch_requests()
compete(work, facts_of)
