"""The access tokens of this process: one for each login, shared by all its clients.

A notebook makes a client in each cell, or in each call without ``client=``. They have the same
credentials, so that the token of one serves all. The provider of a login is found as long as a
client uses it, and for a while after that: until its token has expired or other logins are used.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
import weakref
from typing import Final

from sdanalytics._core.clock import Clock
from sdanalytics.api.auth import Credentials, TokenProvider

MAX_UNUSED_LOGINS: Final = 8
"""Logins without a client whose token is kept, at most."""

_Key = tuple[bytes, str, int]


class SharedTokens:
    """Finds the token provider of a login."""

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(16)
        self._in_use: weakref.WeakValueDictionary[_Key, TokenProvider] = (
            weakref.WeakValueDictionary()
        )
        self._recent: dict[_Key, TokenProvider] = {}  # the latest last
        self.reset_lock()

    def reset_lock(self) -> None:
        """Replace the lock: in a forked process another thread's hold of it would never end."""
        self._lock = threading.Lock()

    def provider(self, credentials: Credentials, url: str, clock: Clock) -> TokenProvider:
        """Return the provider of all clients with the same credentials, token URL and clock."""
        key = self._key(credentials, url, clock)
        with self._lock:
            provider = self._in_use.get(key)
            if provider is None:
                provider = TokenProvider(credentials, url, clock)
                self._in_use[key] = provider
            self._keep(key, provider)
        return provider

    def _key(self, credentials: Credentials, url: str, clock: Clock) -> _Key:
        """Return what clients that share a token have in common; it shows no secret."""
        values = (credentials.client_id, *credentials.secrets)
        digest = hashlib.blake2b(repr(values).encode(), key=self._salt).digest()
        # Plain clocks are alike; another one lives as long as the provider that has it.
        return digest, url, 0 if type(clock) is Clock else id(clock)

    def _keep(self, key: _Key, provider: TokenProvider) -> None:
        """Keep a provider even if no client uses it; drop those that are not worth it any more."""
        self._recent.pop(key, None)
        for other, unused in list(self._recent.items()):
            if unused.has_expired or len(self._recent) >= MAX_UNUSED_LOGINS:
                del self._recent[other]
        self._recent[key] = provider


SHARED_TOKENS: Final = SharedTokens()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=SHARED_TOKENS.reset_lock)
