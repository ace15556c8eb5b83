"""What goes over the wire: what a sandbox received, and what was arranged to be answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal


@dataclass(frozen=True)
class RecordedRequest:
    """One request, and how it was answered (0: the connection was dropped).

    Of a request that nobody read there is no more than its method and path.
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
    """How an exchange goes that was arranged.

    Attributes
    ----------
    status : int or None
        None: the sandbox's own answer. 0: none, the connection ends.
    body : bytes or str
    headers : dict
        With the sandbox's own answer: beside its own.
    after : float
        Real seconds of silence before it.
    stage : {"unread", "read", "done"}
        How far the request gets before: not even read (the connection is reset), read, or
        done, whatever is answered then. Only what is done has consequences.
    drip : float
        Real seconds over which the answer trickles, headers and body.
    cut : int or None
        Bytes of the body after which the connection ends.
    reset : bool
        A connection that ends is reset instead of closed.
    last : bool
        The API stops listening before it is given, until `Sandbox.listen`.
    """

    status: int | None
    body: bytes | str = b""
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0
    stage: Literal["unread", "read", "done"] = "read"
    drip: float = 0.0
    cut: int | None = None
    reset: bool = False
    last: bool = False

    @property
    def ends(self) -> bool:
        """Whether the connection ends with it."""
        return self.status == 0 or self.cut is not None or self.last


DEFAULT: Final = ScriptedResponse(None)
"""What the sandbox answers by itself."""
