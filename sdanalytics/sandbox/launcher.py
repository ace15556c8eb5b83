"""Start a sandbox, or say which package that needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sdanalytics.errors import MissingDependency
from sdanalytics.sandbox.settings import Settings

if TYPE_CHECKING:
    from sdanalytics.sandbox.server import Sandbox


def start(port: int = 0, **settings: Any) -> Sandbox:
    """Start a sandbox on this machine; a context manager that stops it.

    Parameters
    ----------
    port : int
        Where the API listens; 0: any free port. Storage listens at another.
    **settings
        See `Settings`: delay, rate_limit, queue_limit, link_lifetime, ...

    Returns
    -------
    Sandbox
        Its `client` is ready to use.

    Raises
    ------
    MissingDependency
        When the server library is not installed.
    InvalidRequest
        When a setting is invalid, or the port is not available.
    """
    try:
        from sdanalytics.sandbox.server import Sandbox
    except ImportError as error:
        raise missing_package_error(error) from error
    return Sandbox(Settings(**settings), port)


def missing_package_error(error: ImportError) -> MissingDependency:
    """Return the error for a package that the sandbox lacks."""
    return MissingDependency.for_module(error.name, "the sandbox")
