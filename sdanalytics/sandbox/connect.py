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
from sdanalytics.api.auth import Credentials
from sdanalytics.api.client import Client
from sdanalytics.errors import NotConfigured
from sdanalytics.sandbox.launcher import start

if TYPE_CHECKING:
    from sdanalytics.sandbox.server import Sandbox

DEFAULT_DELAY: Final = 0.3
"""Seconds that the sandbox takes to build a report: a bar is seen, and nobody waits."""


def connect(*, delay: float = DEFAULT_DELAY) -> Client:
    """Return a client of your account, or of a sandbox if the environment has no credentials.

    Which one is printed. There is one sandbox for all calls (of one `delay`), until the process
    ends, and its reports are cached in a temporary folder: the variable `SDANALYTICS_CACHE_DIR`
    of this process is set to it.

    Parameters
    ----------
    delay : float, optional
        Seconds that the sandbox takes to build a report.

    Raises
    ------
    NotConfigured
        When there are credentials, but not all that a client needs.
    InvalidRequest
        When an environment variable or `delay` is wrong.
    """
    account = describe_account(os.environ)
    if account is not None:
        client = Client.from_env()
    else:
        account = "a sandbox on this machine, with made-up data"
        client = _start_sandbox(delay).client
    print(f"Connected to {account}.")  # noqa: T201
    return client


@hide_frames
def describe_account(environment: Mapping[str, str]) -> str | None:
    """Describe the account that environment variables configure; None without credentials.

    Raises
    ------
    InvalidRequest
        When a variable is wrong.
    """
    try:
        Credentials.from_env(environment)
    except NotConfigured:
        return None
    try:
        client = Client.from_env(environment)
    except NotConfigured as error:
        return f"your account ({error})"
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
