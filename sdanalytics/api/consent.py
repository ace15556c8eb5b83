"""An advertiser's consent: Login with Amazon's authorization code grant.

The advertiser opens the consent address in a browser, and allows the application to use the
advertising API. The browser is redirected to an address of the application, which carries a code;
the code is exchanged for a refresh token. Amazon's guide: Amazon Ads API, "Create an authorization
grant" and "Retrieve access and refresh tokens"; RFC 6749, section 4.1.
"""

from __future__ import annotations

import contextlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from sdanalytics._core.clock import Clock
from sdanalytics._core.deadline import Deadline
from sdanalytics._core.hidden_frames import hide_frames
from sdanalytics._core.interruptible import run_interruptible
from sdanalytics._core.printable import to_printable
from sdanalytics._core.redact import redact
from sdanalytics.api.token_endpoint import TokenEndpoint
from sdanalytics.api.transport import Transport, timeout_error
from sdanalytics.errors import ApiError, InvalidRequest, NotConfigured

SCOPE: Final = "advertising::campaign_management"
EXCHANGE_TIMEOUT: Final = 60.0
"""Seconds to exchange a code, which is valid for five minutes."""
MIN_CODE_LENGTH: Final = 8
"""Characters: fewer are a slip of the clipboard."""
_ADDRESS_PARTS: Final = frozenset("/?=")
"""Characters that an address has, and a code does not."""
_REFUSED_ADVICE: Final = (
    "A code works once, within five minutes, and for the address that it was asked with: open the "
    "consent address again. Check the client id, the client secret and the region, too"
)


@dataclass(frozen=True)
class ConsentRequest:
    """A request for an advertiser's consent.

    Attributes
    ----------
    url : str
        The region's consent page.
    client_id : str
        Of the application.
    redirect_uri : str
        One of the application's Allowed Return URLs.
    state : str
        By which the redirect is known to belong to this request.
    """

    url: str
    client_id: str
    redirect_uri: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)

    def __post_init__(self) -> None:
        validate_redirect_uri(self.redirect_uri)

    @property
    def address(self) -> str:
        """The address that the advertiser opens."""
        query = {
            "client_id": self.client_id,
            "scope": SCOPE,
            "response_type": "code",
            "redirect_uri": self.redirect_uri,
            "state": self.state,
        }
        return f"{self.url}?{urlencode(query)}"

    def read_code(self, answer: str) -> str:
        """Return the code of the redirect's address, or of the code alone.

        Raises
        ------
        InvalidRequest
            When there is none in it, or it belongs to another request.
        NotConfigured
            When the advertiser refused the consent.
        """
        text = answer.strip().strip("'\"<>")
        if not _ADDRESS_PARTS.intersection(text):
            return _validate_code(text)
        values = _parse_query(text)
        if "error" in values:
            reason = to_printable(redact(values.get("error_description") or values["error"]))[:200]
            raise NotConfigured(f"the consent was not given ({reason}): begin again")
        if "code" not in values:
            raise InvalidRequest(
                "the address must be the one that the browser was redirected to, with code= in it, "
                "got one without: copy it again, completely"
            )
        state = values.get("state")
        if state is not None and not hmac.compare_digest(state.encode(), self.state.encode()):
            raise InvalidRequest(
                "the address must be of this login, got one of another: open the consent address "
                "that was printed last"
            )
        return _validate_code(values["code"])


@hide_frames
def exchange_code(
    request: ConsentRequest, code: str, client_secret: str, token_url: str, clock: Clock
) -> str:
    """Exchange a code for a refresh token.

    Raises
    ------
    Unauthorized
        When the code or the application is refused.
    ApiError, ReportTimeout
        For any other response, or none.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": request.redirect_uri,
        "client_id": request.client_id,
        "client_secret": client_secret,
    }
    deadline = Deadline(clock, EXCHANGE_TIMEOUT)
    endpoint = TokenEndpoint(token_url, clock)
    transport = Transport()
    tokens = run_interruptible(
        lambda: endpoint.request_tokens(
            form, transport, deadline, (code, client_secret), _REFUSED_ADVICE, is_single_use=True
        ),
        deadline,
    )
    if tokens is None:
        raise timeout_error(deadline)
    if tokens.refresh_token is None:
        raise ApiError(
            "token: the answer has an access token and no refresh token. Check that the "
            f"application was asked for the scope {SCOPE}, and begin again.",
            operation="token",
        )
    return tokens.refresh_token


def validate_redirect_uri(uri: str) -> str:
    """Return an address that a browser can be redirected to.

    Raises
    ------
    InvalidRequest
        For anything else.
    """
    with contextlib.suppress(ValueError):
        parts = urlsplit(uri)
        if parts.scheme in ("http", "https") and parts.hostname and not parts.fragment:
            return uri
    raise InvalidRequest(
        "redirect_uri must be one of the application's Allowed Return URLs, such as "
        f"'https://amazon.com', got {redact(repr(uri))}"
    )


def _parse_query(text: str) -> dict[str, str]:
    """Return the parameters of an address, or of its query alone; of each the first value."""
    _, _, query = text.rpartition("?")
    query, _, _ = query.partition("#")
    values: dict[str, str] = {}
    for name, found in parse_qs(query).items():
        values[name] = found[0]
    return values


def _validate_code(code: str) -> str:
    is_code = code.isascii() and code.isprintable() and " " not in code
    if is_code and len(code) >= MIN_CODE_LENGTH:
        return code
    raise InvalidRequest(
        "the code must be that of the redirect's address, between code= and &: copy it again, or "
        "the whole address"
    )
