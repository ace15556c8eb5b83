"""The words of a page or other body that came in the place of something else."""

from __future__ import annotations

import codecs
import html
import re
from typing import Final

MAX_PAGE_BYTES: Final = 5000
"""Bytes of a page in which words are looked for."""


def page_text(body: bytes) -> str | None:
    """Return the words of an HTML page or other text in UTF-8; None if there are none."""
    decoder = codecs.getincrementaldecoder("utf-8")()  # the last letter may be cut
    try:
        text = decoder.decode(body[:MAX_PAGE_BYTES])
    except UnicodeDecodeError:
        return None
    text = re.sub(r"(?is)<(style|script)\b.*?</\1>", " ", text)
    text = re.sub(r"(?s)<[^>]*>", " ", text)
    words = html.unescape(text).split()
    return " ".join(words) or None
