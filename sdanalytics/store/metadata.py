"""Profiles and campaign tactics, so that stored days are served without the network.

::

    <root>/profiles/source=NA/profile_id=123.json
    <root>/campaigns/source=NA/profile_id=123.json

A profile's file has its currency and time zone. That of its campaigns has their tactics, which
version 3's reports do not name.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sdanalytics.model.metrics import TACTICS
from sdanalytics.model.partition import ProfileKey
from sdanalytics.model.profiles import Profile
from sdanalytics.store.backends.base import Storage
from sdanalytics.store.layout import (
    CACHE_MISS_ERRORS,
    InvalidFile,
    decode_source,
    profile_path,
    tactics_path,
)

TacticByCampaign = dict[int, str]
"""The tactics of campaigns, by campaign id."""


@dataclass(frozen=True)
class MetadataStore:
    """The profiles and campaign tactics of a store.

    Attributes
    ----------
    storage : Storage
    """

    storage: Storage

    def profile(self, key: ProfileKey) -> Profile | None:
        """Read a profile; None if it is missing, damaged or foreign.

        Raises
        ------
        CacheError
            When the file cannot be read.
        """
        with contextlib.suppress(*CACHE_MISS_ERRORS):
            return self._read_profile(profile_path(key))
        return None

    def store_profile(self, source: str, profile: Profile) -> None:
        """Store a profile of a source.

        Raises
        ------
        CacheError
            When the file cannot be written.
        """
        key = ProfileKey(source, profile.profile_id)
        path = profile_path(key)
        self._write_json(path, profile.to_json())

    def validate_profile(self, path: str) -> None:
        """Raise `InvalidFile` when a file is not the profile that belongs at its path."""
        parent, _, _ = path.rpartition("/")
        profile_id = self._read_profile(path).profile_id
        expected = profile_path(ProfileKey(_parse_source(parent), profile_id))
        if path != expected:
            raise InvalidFile(f"foreign: the file of that profile belongs at {expected}")

    def _read_profile(self, path: str) -> Profile:
        content = self.storage.read(path)
        try:
            return Profile.from_json(json.loads(content))
        except (ValueError, TypeError, RecursionError) as error:
            raise InvalidFile(f"not a valid profile: {error}") from None

    def campaign_tactics(self, key: ProfileKey) -> TacticByCampaign:
        """Read the tactics of a profile's campaigns by id; none if missing, damaged or foreign.

        Raises
        ------
        CacheError
            When the file cannot be read.
        """
        with contextlib.suppress(*CACHE_MISS_ERRORS):
            return self._read_campaign_tactics(tactics_path(key))
        return {}

    def store_campaign_tactics(self, key: ProfileKey, tactics: Mapping[int, str]) -> None:
        """Store the tactics of a profile's campaigns.

        Raises
        ------
        CacheError
            When the file cannot be written.
        """
        path = tactics_path(key)
        by_campaign = sorted(tactics.items())
        self._write_json(path, dict(by_campaign))

    def validate_campaign_tactics(self, path: str) -> None:
        """Raise `InvalidFile` when a file does not hold tactics, or not at its path."""
        parent, _, filename = path.rpartition("/")
        profile_id = filename.removeprefix("profile_id=").removesuffix(".json")
        if path != tactics_path(ProfileKey(_parse_source(parent), profile_id)):
            raise InvalidFile("foreign: not a file of the store")
        self._read_campaign_tactics(path)

    def _read_campaign_tactics(self, path: str) -> TacticByCampaign:
        content = self.storage.read(path)
        try:
            return _parse_tactic_by_campaign(json.loads(content))
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise InvalidFile(f"not the tactics of campaigns: {error}") from None

    def _write_json(self, path: str, values: Mapping[Any, str]) -> None:
        text = json.dumps(values, indent=1)
        with self.storage.atomic_write(path) as file:
            file.write(text.encode())


def _parse_source(folder: str) -> str:
    """Return the source whose files are in a folder."""
    _, _, name = folder.rpartition("/")
    return decode_source(name.removeprefix("source="))


def _parse_tactic_by_campaign(stored: Mapping[str, str]) -> TacticByCampaign:
    """Return the tactics by campaign id, without those that are unknown."""
    tactics: TacticByCampaign = {}
    for campaign, tactic in stored.items():
        if tactic in TACTICS:
            tactics[int(campaign)] = tactic
    return tactics
