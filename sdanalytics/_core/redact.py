"""Keeping tokens, secrets and presigned addresses out of texts and logs."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from urllib.parse import quote

REDACTED = "[removed]"

# Login with Amazon tokens (Atza|, Atzr|, also URL-encoded), its client secrets, any query of
# an address, and the parts of a signature: whoever has one of these can use it.
_SECRET = re.compile(
    r"Atz[ar](?:\||%7C)[^\s\"'&<>,;]*"
    r"|amzn1\.oa2-cs\.[\w.\-]*"
    r"|(?<=Bearer )[^\s\"'&<>,;]+"
    r"|(?<=\?)[^\s\"'<>]*=[^\s\"'<>]*"
    r"|(?<=X-Amz-)(?:Credential|Signature|Security-Token)[=:][^\s\"'&<>,;]*"
    r"|(?<=://)[^\s/@]+(?=@)",
    re.IGNORECASE,
)


def redact(text: str, secrets: Iterable[str | None] = ()) -> str:
    """`text` without what looks like a secret, and without each of `secrets`."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, REDACTED).replace(quote(secret, safe=""), REDACTED)
    return _SECRET.sub(REDACTED, text)


class _ScrubQueries(logging.Filter):
    """Takes presigned queries out of what the HTTP library logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(redact(a) if isinstance(a, str) else a for a in record.args)
        record.exc_info = None  # its text may hold the address, too
        return True


def install_log_redaction() -> None:
    """Make urllib3 log no presigned address; safe to call again."""
    for name in ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry"):
        logger = logging.getLogger(name)
        if not any(isinstance(f, _ScrubQueries) for f in logger.filters):
            logger.addFilter(_ScrubQueries())
