"""The settings of a sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from sdanalytics import InvalidRequest, sandbox


@pytest.mark.parametrize(
    "invalid",
    [
        {"delay": -1},
        {"delay": "3"},
        {"delay": float("nan")},
        {"rate_limit": -1},
        {"port": 80000},
        {"v3_link_lifetime": -1},
        {"v1_create_gap": -1},
        {"v1_queue_limit": -1},
        {"v1_part_rows": 0},
        {"v1_part_rows": 1.5},
        {"page_size": 0},
        {"campaigns": 0},
        {"campaigns": 2.5},
        {"seed": -1},
        {"seed": "7"},
    ],
)
def test_invalid_settings_are_rejected(invalid: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match=next(iter(invalid))):
        sandbox.start(**invalid)
