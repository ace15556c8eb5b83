"""The frame that pandas makes of a payload, with the columns day and tactic."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd

from benchmarks.contestants.common import JOB, compete, summarize_frame


def work() -> pd.DataFrame:
    rows = json.loads(gzip.decompress(Path(JOB["payload"]).read_bytes()))
    return pd.DataFrame(rows).assign(date="2026-01-01", tactic="T00020")


compete(work, summarize_frame)
