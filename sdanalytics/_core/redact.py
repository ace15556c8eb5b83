"""Redaction of tokens, secrets and presigned URLs in texts and logs."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

REDACTED: Final = "[removed]"
"""The text in place of a secret."""

# Login with Amazon tokens (Atza|, Atzr|, also URL-encoded), its client secrets, any query of
# a URL, and the parts of a signature: anyone who has one of these can use it.
_SECRET: Final = re.compile(
    r"Atz[ar](?:\||%7C)[^\s\"'&<>,;]*"
    r"|amzn1\.oa2-cs\.[\w.\-]*"
    r"|(?<=Bearer )[^\s\"'&<>,;]+"
    r"|(?<=\?)[^\s\"'<>]*=[^\s\"'<>]*"
    r"|(?<=X-Amz-)(?:Credential|Signature|Security-Token)[=:][^\s\"'&<>,;]*"
    r"|(?<=://)[^\s/@]+(?=@)",
    re.IGNORECASE,
)
_HTTP_LOGGERS: Final = (
    "urllib3.connectionpool",
    "urllib3.connection",
    "urllib3.util.retry",
)


MIN_TOKEN_LENGTH: Final = 16
"""Characters of the shortest token that is remembered: a shorter one might be a word."""
_issued_tokens: Final[set[str]] = set()


def remember_token(token: str) -> None:
    """Remove a token from all texts from now on, also when it has been renewed."""
    is_recognized = _SECRET.fullmatch(token) is not None
    if len(token) >= MIN_TOKEN_LENGTH and not is_recognized:
        _issued_tokens.add(token)


def redact(text: str, secrets: Iterable[str | None] = ()) -> str:
    """Return `text` without anything that looks like a secret, and without `secrets`."""
    for secret in (*secrets, *tuple(_issued_tokens)):
        if secret:
            encoded = quote(secret, safe="")
            text = text.replace(secret, REDACTED)
            text = text.replace(encoded, REDACTED)
    return _SECRET.sub(REDACTED, text)


def install_log_redaction() -> None:
    """Keep presigned URLs out of the log of urllib3; safe to call again."""
    for name in _HTTP_LOGGERS:
        _add_redacting_filter(logging.getLogger(name))


def _add_redacting_filter(logger: logging.Logger) -> None:
    for existing in logger.filters:
        if isinstance(existing, _RedactingFilter):
            return
    logger.addFilter(_RedactingFilter())


class _RedactingFilter(logging.Filter):
    """Redacts the values of log records."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(map(_redact_value, record.args))
        record.exc_info = None  # its text may hold the URL, too
        return True


def _redact_value(value: object) -> object:
    return redact(value) if isinstance(value, str) else value
