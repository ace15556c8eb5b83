"""The account of a call's profile in the unified Ads API: as it is stored, or asked for once."""

from __future__ import annotations

import contextlib
import threading

from sdanalytics.api.advertiser_accounts import find_advertiser_account
from sdanalytics.api.session import ApiSession
from sdanalytics.errors import CacheError, NotConfigured
from sdanalytics.model.advertiser_account import AdvertiserAccount
from sdanalytics.model.partition import ProfileKey
from sdanalytics.store.metadata import MetadataStore


class AccountReader:
    """The account of a profile, for one call.

    Parameters
    ----------
    key : ProfileKey
    metadata : MetadataStore
        Stores the account.
    """

    def __init__(self, key: ProfileKey, metadata: MetadataStore) -> None:
        self._key = key
        self._metadata = metadata
        self._lock = threading.Lock()
        self._account: AdvertiserAccount | None = None

    def find(self, session: ApiSession) -> AdvertiserAccount:
        """Return the account, from the store or else from the service.

        Raises
        ------
        NotConfigured
            When no account of the login has the profile, or reports of the account cannot be
            narrowed to it.
        ApiError
        """
        with self._lock:
            if self._account is None:
                self._account = self._metadata.account(self._key) or self._request(session)
            return self._account

    def _request(self, session: ApiSession) -> AdvertiserAccount:
        profile_id = self._key.profile_id
        account = find_advertiser_account(session, profile_id)
        if account is None:
            raise NotConfigured(
                f"profile_id must be a profile of an account of the unified Ads API, got "
                f"{profile_id}, which is in none of the accounts that this login can access. "
                'Version 3 needs no such account: Client(api="v3")'
            )
        if account.is_shared and not account.is_told_by_country:
            raise NotConfigured(
                f"the account of profile {profile_id} has another profile in the same country, "
                "and reports of the unified Ads API cannot tell their rows apart. Version 3 can: "
                'Client(api="v3")'
            )
        with contextlib.suppress(CacheError):  # a store that cannot be written to
            self._metadata.store_account(self._key, account)
        return account
