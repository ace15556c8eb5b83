"""Connect a notebook to the account of the environment, or to a sandbox."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from typing import IO, TYPE_CHECKING, Final

from sdanalytics._core.hidden_frames import hide_frames
from sdanalytics._core.temp_folders import PREFIX, mark_in_use, remove_abandoned_folders
from sdanalytics.api.client import Client, default_client
from sdanalytics.api.client_settings import has_account
from sdanalytics.sandbox.launcher import start

if TYPE_CHECKING:
    from sdanalytics.sandbox.server import Sandbox

DEFAULT_DELAY: Final = 0.3
"""Seconds that the sandbox takes to build a report: a bar is seen, and nobody waits."""


def connect(*, delay: float = DEFAULT_DELAY) -> Client:
    """Return a client of your account, or of a sandbox if there are no credentials of one.

    Credentials are those of the environment, or those that ``sdanalytics login`` has kept.

    Which one is printed. There is one sandbox for all calls (of one `delay`), until the process
    ends, and its reports are cached in a temporary folder: the variable `SDANALYTICS_CACHE_DIR`
    of this process is set to it.

    Parameters
    ----------
    delay : float, optional
        Seconds that the sandbox takes to build a report.

    Raises
    ------
    InvalidRequest
        When a setting of the account or `delay` is wrong.
    NotConfigured
        When the config file cannot be read.
    """
    account = describe_account(os.environ)
    if account is not None:
        client = default_client()
    else:
        account = "a sandbox on this machine, with made-up data"
        client = _start_sandbox(delay).client
    print(f"Connected to {account}.")  # noqa: T201
    return client


@hide_frames
def describe_account(environment: Mapping[str, str]) -> str | None:
    """Describe the account that calls without a client use; None without credentials.

    Raises
    ------
    InvalidRequest
        When a setting is wrong.
    """
    if not has_account(environment):
        return None
    client = default_client(environment)
    if client.profile_id is None:
        return f"your account in {client.source}"
    return f"your account: profile {client.profile_id} of {client.source}"


@cache
def _start_sandbox(delay: float) -> Sandbox:
    sandbox = start(delay=delay)
    os.environ["SDANALYTICS_CACHE_DIR"] = _create_cache_folder()
    return sandbox


@cache
def _create_cache_folder() -> str:
    remove_abandoned_folders()
    folder = tempfile.mkdtemp(prefix=f"{PREFIX}sandbox-")
    atexit.register(_remove_cache_folder, folder, mark_in_use(folder))
    return folder


def _remove_cache_folder(folder: str, mark: IO[bytes]) -> None:
    mark.close()
    shutil.rmtree(folder, ignore_errors=True)
