"""A sandbox whose time is that of a jumping clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sdanalytics import Client, sandbox
from sdanalytics.sandbox import Sandbox
from tests.support.clock import JumpingClock


class Box:
    """A sandbox on the jumping clock."""

    def __init__(self, clock: JumpingClock, **settings: Any) -> None:
        settings.setdefault("delay", 5.0)
        self.clock = clock
        self.sandbox: Sandbox = sandbox.start(now=clock.now, monotonic=clock.monotonic, **settings)

    @property
    def client(self) -> Client:
        return self.client_for(0)

    def client_for(
        self, advertiser: int, api: str | None = None, history: str | None = None
    ) -> Client:
        profile_id = self.sandbox.profile_ids[advertiser]
        return self.sandbox.client_for(profile_id, self.clock, api, history)

    def day(self, ago: int) -> str:
        return str(self.sandbox.today - timedelta(ago))
