"""Profiles and lists of campaigns, so that stored days are served without the network.

::

    <root>/profiles/source=NA/profile_id=123.json
    <root>/campaigns/source=NA/profile_id=123.json
    <root>/accounts/source=NA/profile_id=123.json

A profile's file has its currency and time zone. That of its campaigns has the facts of each that
reports lack, and when the list was read from the service; in files of earlier releases, their
tactics alone. Those releases take a file of this one for a list without campaigns. The account of a
profile is its name in the unified Ads API (version 1).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sdanalytics.model.advertiser_account import AdvertiserAccount
from sdanalytics.model.campaign_list import NO_CAMPAIGNS, CampaignList
from sdanalytics.model.partition import ProfileKey
from sdanalytics.model.profiles import Profile
from sdanalytics.store.backends.base import Storage
from sdanalytics.store.layout import (
    CACHE_MISS_ERRORS,
    CAMPAIGNS,
    InvalidFile,
    account_path,
    campaigns_path,
    decode_source,
    profile_path,
)


@dataclass(frozen=True)
class MetadataStore:
    """The profiles and lists of campaigns of a store.

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
        self._write_json(path, profile.to_json(), indent=1)

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

    def campaign_list(self, key: ProfileKey) -> CampaignList:
        """Read the list of a profile's campaigns; an empty one if missing, damaged or foreign.

        Raises
        ------
        CacheError
            When the file cannot be read.
        """
        with contextlib.suppress(*CACHE_MISS_ERRORS):
            return self._read_campaign_list(campaigns_path(key))
        return NO_CAMPAIGNS

    def campaign_lists(self) -> Iterator[tuple[ProfileKey, CampaignList]]:
        """Yield the lists of all profiles, without those that are damaged or foreign.

        Raises
        ------
        CacheError
            When a file cannot be read.
        """
        for stamp in self.storage.walk(CAMPAIGNS):
            path = stamp.key
            with contextlib.suppress(*CACHE_MISS_ERRORS):
                key = _parse_key(path, campaigns_path)
                campaigns = self._read_campaign_list(path)
                yield key, campaigns

    def store_campaign_list(self, key: ProfileKey, campaigns: CampaignList) -> None:
        """Store the list of a profile's campaigns.

        Raises
        ------
        CacheError
            When the file cannot be written.
        """
        self._write_json(campaigns_path(key), campaigns.to_json(), indent=None)

    def validate_campaign_list(self, path: str) -> None:
        """Raise `InvalidFile` when a file is no list of campaigns, or not at its path."""
        _parse_key(path, campaigns_path)
        self._read_campaign_list(path)

    def account(self, key: ProfileKey) -> AdvertiserAccount | None:
        """Read the account of a profile; None if it is missing, damaged or foreign.

        Raises
        ------
        CacheError
            When the file cannot be read.
        """
        with contextlib.suppress(*CACHE_MISS_ERRORS):
            return self._read_account(account_path(key))
        return None

    def store_account(self, key: ProfileKey, account: AdvertiserAccount) -> None:
        """Store the account of a profile.

        Raises
        ------
        CacheError
            When the file cannot be written.
        """
        self._write_json(account_path(key), account.to_json(), indent=1)

    def validate_account(self, path: str) -> None:
        """Raise `InvalidFile` when a file is no account, or not at its path."""
        _parse_key(path, account_path)
        self._read_account(path)

    def _read_account(self, path: str) -> AdvertiserAccount:
        content = self.storage.read(path)
        try:
            return AdvertiserAccount.from_json(json.loads(content))
        except (ValueError, TypeError, RecursionError) as error:
            raise InvalidFile(f"not an account: {error}") from None

    def _read_campaign_list(self, path: str) -> CampaignList:
        content = self.storage.read(path)
        try:
            return CampaignList.from_json(json.loads(content))
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise InvalidFile(f"not a list of campaigns: {error}") from None

    def _write_json(self, path: str, values: Mapping[str, Any], *, indent: int | None) -> None:
        text = json.dumps(values, indent=indent)
        with self.storage.atomic_write(path) as file:
            file.write(text.encode())


def _parse_source(folder: str) -> str:
    """Return the source whose files are in a folder."""
    _, _, name = folder.rpartition("/")
    return decode_source(name.removeprefix("source="))


def _parse_key(path: str, expected_path: Callable[[ProfileKey], str]) -> ProfileKey:
    """Return the profile that a file is about; `InvalidFile` for any other path."""
    parent, _, filename = path.rpartition("/")
    profile_id = filename.removeprefix("profile_id=").removesuffix(".json")
    key = ProfileKey(_parse_source(parent), profile_id)
    if path != expected_path(key):
        raise InvalidFile("foreign: not a file of the store")
    return key
