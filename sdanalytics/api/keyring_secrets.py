"""Secrets in the system's keyring, through the package `keyring` (an extra of this one).

An entry is a login: its secrets are passwords of the service ``sdanalytics``, under the user names
``<entry>/client_secret`` and ``<entry>/refresh_token``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import secrets
from collections.abc import Iterable, Mapping

from sdanalytics._core.hidden_frames import hide_frames
from sdanalytics.errors import MissingDependency, NotConfigured

SERVICE = "sdanalytics"


def has_keyring_package() -> bool:
    """Return whether the package is installed; there may be no keyring that it can use."""
    return importlib.util.find_spec("keyring") is not None


@hide_frames
def store_secrets(login: str, values: Mapping[str, str]) -> str | None:
    """Store the secrets of a login; return their entry, or None if no keyring takes them."""
    import keyring

    entry = f"{login}-{secrets.token_hex(4)}"
    try:
        for name, value in values.items():
            keyring.set_password(SERVICE, f"{entry}/{name}", value)
        is_stored = _read_entry(entry, values) == values  # some backends keep nothing
    except Exception:  # of any backend: locked, or there is none
        is_stored = False
    if is_stored:
        return entry
    forget_secrets(entry, values)
    return None


@hide_frames
def load_secrets(entry: str, names: Iterable[str]) -> dict[str, str]:
    """Load the secrets of an entry.

    Raises
    ------
    MissingDependency
        When `keyring` is not installed.
    NotConfigured
        When the keyring cannot be read, or has no such entry.
    """
    if not has_keyring_package():
        raise MissingDependency.for_module("keyring", "this login, whose secrets it keeps,")
    try:
        values = _read_entry(entry, names)
    except Exception as error:
        raise NotConfigured(
            f"the system's keyring cannot be read ({type(error).__name__}): unlock it. Where "
            "nobody can, as in a scheduled run, log in once with `sdanalytics login --no-keyring`"
        ) from None
    missing = [name for name in names if name not in values]
    if missing:
        raise NotConfigured(
            f"the system's keyring has no {' and no '.join(missing)} of {entry!r}: log in again "
            "with `sdanalytics login`"
        )
    return values


def forget_secrets(entry: str, names: Iterable[str]) -> None:
    """Remove the secrets of an entry, as far as they are there and the keyring lets them go."""
    import keyring

    for name in names:
        with contextlib.suppress(Exception):
            keyring.delete_password(SERVICE, f"{entry}/{name}")


def _read_entry(entry: str, names: Iterable[str]) -> dict[str, str]:
    """Read the secrets of an entry that the keyring has."""
    import keyring

    values: dict[str, str] = {}
    for name in names:
        value = keyring.get_password(SERVICE, f"{entry}/{name}")
        if value is not None:
            values[name] = value
    return values
