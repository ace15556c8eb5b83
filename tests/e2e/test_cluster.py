"""A cluster: workers that share nothing but a store on S3, and the service."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import sdanalytics as sda
from tests.support.object_storage import LOGIN, serve_bucket


def fetch_profiles(
    profile_ids: list[int], environment: dict[str, str], folder: str, url: str
) -> list[tuple[Any, ...]]:
    """Fetch profiles as a machine that has no state in common with others."""
    state = Path(folder, f"machine-{os.getpid()}")
    os.environ.update(environment | LOGIN | {"XDG_STATE_HOME": str(state)})
    df = sda.fetch_report("campaigns", days=3, cache=url, profiles=profile_ids)
    costs = df.groupby("profile_id")["cost"].agg(["size", "sum"])
    return list(costs.itertuples(name=None))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pandas, passed on to dask
def test_machines_that_share_a_store_request_each_report_once(cluster: Any, tmp_path: Path) -> None:
    with serve_bucket() as bucket, sda.sandbox.start(delay=4.0) as sandbox:
        environment = sandbox.environment | {"SDANALYTICS_API": "v3"}
        chosen = [sandbox.profile_ids] * 2  # both want all, at the same time
        arguments = environment, str(tmp_path), bucket.url()
        futures = cluster.map(fetch_profiles, chosen, *([a] * 2 for a in arguments), pure=False)
        first, second = cluster.gather(futures)
        assert len(list(tmp_path.glob("machine-*"))) == 2
        assert [profile_id for profile_id, _, _ in first] == sandbox.profile_ids
        assert first == second
        made = Counter(report.profile_id for report in sandbox.reports.values())
        assert made == dict.fromkeys(sandbox.profile_ids, 1)
        refused = [r.status for r in sandbox.requests if r.operation == "create_report"]
        assert sorted(refused) == [200] * 3 + [425] * 3
