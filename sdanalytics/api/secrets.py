"""Keeping tokens, secrets and presigned addresses out of texts and logs."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

REMOVED = "[removed]"

# Login with Amazon tokens (Atza|, Atzr|), its client secrets, and the query of an address
# that S3 signed: whoever has one of these can use it.
_SECRET = re.compile(
    r"Atz[ar]\|[^\s\"'&<>,;]*"
    r"|amzn1\.oa2-cs\.[\w.\-]*"
    r"|(?<=Bearer )[^\s\"'&<>,;]+"
    r"|(?<=\?)[^\s\"'<>]*X-Amz-[^\s\"'<>]*",
    re.IGNORECASE,
)


def scrub(text: str, secrets: Iterable[str | None] = ()) -> str:
    """`text` without what looks like a secret, and without each of `secrets`."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, REMOVED)
    return _SECRET.sub(REMOVED, text)


class _ScrubQueries(logging.Filter):
    """Takes presigned queries out of what the HTTP library logs at DEBUG."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(scrub(a) if isinstance(a, str) else a for a in record.args)
        return True


def guard_http_logs() -> None:
    """Make urllib3 log no presigned address; safe to call again."""
    logger = logging.getLogger("urllib3.connectionpool")
    if not any(isinstance(f, _ScrubQueries) for f in logger.filters):
        logger.addFilter(_ScrubQueries())
