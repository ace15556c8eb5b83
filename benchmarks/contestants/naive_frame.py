"""A payload as the frame that pandas makes of it, with the day and tactic that it needs."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd

from benchmarks.contestants.common import JOB, compete, facts_of


def work() -> pd.DataFrame:
    rows = json.loads(gzip.decompress(Path(JOB["payload"]).read_bytes()))
    return pd.DataFrame(rows).assign(date="2026-01-01", tactic="T00020")


compete(work, facts_of)
