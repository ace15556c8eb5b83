"""The config file: logins by name, as ``sdanalytics login`` keeps them.

::

    [default]
    client_id = "amzn1.application-oa2-client.0123"
    profile_id = "1842030415361601"
    region = "NA"
    keyring = "default-5f0c9a1b"     # or client_secret = "...", refresh_token = "..."

It lies in the user's config folder, or where ``SDANALYTICS_CONFIG`` says, and only its owner may
read it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from sdanalytics._core.suggest import validate_choice
from sdanalytics.api.keyring_secrets import (
    forget_secrets,
    has_keyring_package,
    load_secrets,
    store_secrets,
)
from sdanalytics.errors import InvalidRequest, NotConfigured

logger = logging.getLogger("sdanalytics")

CONFIG_VARIABLE: Final = "SDANALYTICS_CONFIG"
"""The environment variable with the path of the file."""
DEFAULT_LOGIN: Final = "default"
SECRETS: Final = ("client_secret", "refresh_token")
_SETTINGS: Final = (
    "client_id", "profile_id", "region", "api", "history", "base_url", "token_url", "storage_hosts",
    "keyring",
    *SECRETS,
)  # fmt: skip
_NAME: Final = re.compile("[A-Za-z0-9_-]+")
_HEADER: Final = "# Written by `sdanalytics login`, which keeps no comments.\n"
_OWNER_ONLY: Final = 0o600

Settings = dict[str, str]
"""The settings of a login by name, all of them as text."""


class ConfigFile:
    """The logins in a config file, which need not exist.

    Parameters
    ----------
    path : pathlib.Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def locate(cls, environment: Mapping[str, str] = os.environ) -> ConfigFile:
        """Return the user's config file.

        Raises
        ------
        NotConfigured
            When nothing tells where the user's folders are.
        """
        import platformdirs

        named = environment.get(CONFIG_VARIABLE)
        try:
            if named:
                return cls(Path(named).expanduser())
            folder = platformdirs.user_config_path("sdanalytics", appauthor=False)
        except RuntimeError:
            raise NotConfigured(
                f"there is no home folder to keep logins in: name a file with {CONFIG_VARIABLE}"
            ) from None
        return cls(folder / "config.toml")

    def has_login(self, name: str) -> bool:
        """Return whether the file has a login."""
        return name in self._read_sections()

    def read_login(self, name: str) -> Settings:
        """Return the settings of a login, its secrets included.

        Raises
        ------
        NotConfigured
            When there is no such login, or it lacks something.
        InvalidRequest
            When it has a setting that is none, or the name can be no login's.
        """
        sections = self._read_sections()
        validate_login_name(name)
        if name not in sections:
            known = ", ".join(sections) or "none"
            raise NotConfigured(
                f"there is no login {name!r} in {self.path} (it has: {known}): "
                f"`sdanalytics login --name {name}` makes one"
            )
        settings = self._parse_section(name, sections[name])
        entry = settings.pop("keyring", None)
        if entry is not None:
            settings |= load_secrets(entry, SECRETS)
        missing = []
        for key in ("client_id", *SECRETS):
            if not settings.get(key):
                missing.append(key)
        if missing:
            raise NotConfigured(
                f"{self.describe(name)} has no {' and no '.join(missing)}: log in again with "
                f"`sdanalytics login --name {name}`"
            )
        return settings

    def write_login(self, name: str, settings: Mapping[str, str], *, use_keyring: bool) -> bool:
        """Write a login, in place of one of that name; return whether the keyring has its secrets.

        Parameters
        ----------
        name : str
        settings : mapping of str to str
        use_keyring : bool
            Whether to keep the secrets in the system's keyring, if there is one.

        Raises
        ------
        NotConfigured
            When the file cannot be read or written.
        """
        sections = self._read_sections()
        replaced = sections.get(name, {}).get("keyring")
        section = dict(settings)
        entry = None
        if use_keyring and has_keyring_package():
            entry = store_secrets(name, {key: settings[key] for key in SECRETS})
        if entry is not None:
            section = {}
            for key, value in settings.items():
                if key not in SECRETS:
                    section[key] = value
            section["keyring"] = entry
        sections[name] = section
        try:
            self._write_sections(sections)
        except NotConfigured:
            if entry is not None:
                forget_secrets(entry, SECRETS)
            raise
        if isinstance(replaced, str) and has_keyring_package():
            forget_secrets(replaced, SECRETS)
        return entry is not None

    def ensure_writable(self) -> None:
        """Raise `NotConfigured` unless the file can be read and written."""
        self._write_sections(self._read_sections(), is_trial=True)

    def describe(self, name: str) -> str:
        """Return how messages call a login."""
        return f"the login [{name}] of {self.path}"

    def _parse_section(self, name: str, section: Mapping[str, Any]) -> Settings:
        settings: Settings = {}
        for key, value in section.items():
            validate_choice(f"a setting of [{name}] in {self.path}", key, _SETTINGS)
            if isinstance(value, list):  # of storage_hosts
                value = ",".join(map(str, value))
            settings[key] = str(value)
        self._warn_of_readers(settings)
        return settings

    def _warn_of_readers(self, settings: Settings) -> None:
        """Log a warning if others may read the secrets."""
        if os.name != "posix" or not any(key in settings for key in SECRETS):
            return
        mode = stat.S_IMODE(self.path.stat().st_mode)
        if mode & ~_OWNER_ONLY & 0o077:
            logger.warning("others on this machine may read %s: chmod 600 it", self.path)

    def _read_sections(self) -> dict[str, dict[str, Any]]:
        """Return the tables of the file; none if it does not exist."""
        try:
            sections = tomllib.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:  # TOMLDecodeError among them
            reason = error.strerror if isinstance(error, OSError) else "it is not TOML"
            raise NotConfigured(
                f"the config file {self.path} cannot be read ({reason}): mend it, or remove it and "
                "log in again with `sdanalytics login`"
            ) from None
        for name, section in sections.items():
            if not isinstance(section, dict) or any(isinstance(v, dict) for v in section.values()):
                raise NotConfigured(
                    f"{self.path} must have nothing but logins, such as [default] with "
                    f"client_id = ..., got {name!r}: mend it, or remove it and log in again"
                )
        return sections

    def _write_sections(
        self, sections: Mapping[str, Mapping[str, Any]], *, is_trial: bool = False
    ) -> None:
        """Write the file whole or not at all, for its owner's eyes only; or just try to."""
        lines = [_HEADER]
        for name, section in sections.items():
            lines.append(f"[{_format_key(name)}]\n")
            for key, value in section.items():
                lines.append(f"{_format_key(key)} = {_format(value)}\n")
            lines.append("\n")
        path = self.path.resolve()  # a link stays one
        try:
            with _temporary_file(path, "".join(lines).encode()) as temporary:
                if not is_trial:
                    temporary.replace(path)
        except OSError as error:
            raise NotConfigured(
                f"the config file {self.path} cannot be written ({error.strerror}): name another "
                f"with {CONFIG_VARIABLE}"
            ) from None


def validate_login_name(name: object) -> str:
    """Return a name of a login.

    Raises
    ------
    InvalidRequest
        When it has anything but letters, digits, ``-`` and ``_``.
    """
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    raise InvalidRequest(
        f"name must be letters, digits, - and _, such as 'default' or 'agency-eu', got {name!r}"
    )


def _format_key(key: str) -> str:
    if _NAME.fullmatch(key):
        return key
    return _format(key)


def _format(value: object) -> str:
    """Return a value in TOML; texts are written as in JSON, but for the delete character."""
    return json.dumps(value, ensure_ascii=False, default=str).replace("\x7f", "\\u007f")


@contextlib.contextmanager
def _temporary_file(path: Path, content: bytes) -> Iterator[Path]:
    """Write a file beside another one, and remove it unless it was moved."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    process = os.getpid()
    temporary = path.with_name(f"{path.name}.{process}.new")
    temporary.unlink(missing_ok=True)  # of a process that was killed
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        descriptor = os.open(temporary, flags, _OWNER_ONLY)
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
