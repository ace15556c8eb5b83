"""The requests that a sandbox received, and the responses that a test scripts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal


@dataclass(frozen=True)
class RecordedRequest:
    """One request and the status of its response.

    If the connection was reset before the request was read, it has a method and a path only.

    Attributes
    ----------
    operation : str
        Empty where there is no such operation.
    method, path : str
    status : int
        0: there was no response, the connection was ended.
    at : float
        When it was received, on the sandbox's monotonic clock.
    query : str
    headers : dict of str to str
    body : bytes
    """

    operation: str
    method: str
    path: str
    status: int
    at: float
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class ScriptedResponse:
    """A script for the next request of an operation: its response, or none.

    Attributes
    ----------
    status : int or None
        None: the sandbox's own response. 0: none, the connection ends.
    body : bytes or str
    headers : dict
        Added to the sandbox's own, where the response is its own.
    delay : float
        Real seconds of silence before the response.
    stage : {"unread", "read", "done"}
        How far the request is processed before: not even read (the connection is reset),
        read, or done, independent of the response. Only a request that is done has consequences.
    trickle : float
        Real seconds over which the response is sent bit by bit, headers and body.
    truncate_at : int or None
        Bytes of the body after which the connection ends.
    reset : bool
        Whether a connection that ends is reset instead of closed.
    then_stop : bool
        Whether the API stops listening before it responds, until `Sandbox.resume_listening`.
    """

    status: int | None
    body: bytes | str = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    stage: Literal["unread", "read", "done"] = "read"
    trickle: float = 0.0
    truncate_at: int | None = None
    reset: bool = False
    then_stop: bool = False

    @property
    def ends_connection(self) -> bool:
        """Whether the connection ends with this response."""
        return self.status == 0 or self.truncate_at is not None or self.then_stop


DEFAULT: Final = ScriptedResponse(None)
"""The sandbox's own response."""
