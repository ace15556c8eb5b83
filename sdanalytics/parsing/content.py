"""The names of what comes in the place of a report: pages, other formats and encodings."""

from __future__ import annotations

import json
from typing import Final

from sdanalytics._core.page_text import MAX_PAGE_BYTES, page_text
from sdanalytics._core.redact import redact
from sdanalytics.errors import CorruptReport

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
WHITESPACE: Final = b" \t\n\r"
"""What may stand between the values of JSON."""
GZIP_MAGIC: Final = b"\x1f\x8b"
"""The first bytes of a gzip file."""
MAX_QUOTED_CHARACTERS: Final = 120
"""Characters of a body that an error quotes."""
_MAGICS: Final = {
    GZIP_MAGIC: "gzip within gzip",
    b"PK\x03\x04": "a ZIP file",
    b"BZh": "a bzip2 file",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    b"PAR1": "a Parquet file",
}
"""Formats by their first bytes; gzip is seen here only once it has been unpacked."""


def starts_array(text: bytes) -> bool:
    """Return whether a text in UTF-8 is a JSON array, as far as its beginning shows."""
    beginning = text[:MAX_PAGE_BYTES]
    if _is_utf16_or_utf32(beginning):
        return False
    return beginning.removeprefix(BYTE_ORDER_MARK).lstrip(WHITESPACE).startswith(b"[")


def not_an_array_error(body: bytes) -> CorruptReport:
    """Return the error for a body that is no JSON array in UTF-8: it says what came instead.

    Parameters
    ----------
    body : bytes
        The payload if it is not gzip-compressed, else the beginning of its text.
    """
    return CorruptReport(
        f"the payload must be a gzip-compressed JSON array, got {name_content(body)}. Call again: "
        "it may be another one then"
    )


def name_content(body: bytes) -> str:
    """Return what a body is that is not what it should be, with its first words."""
    for magic, name in _MAGICS.items():
        if body.startswith(magic):
            return name
    beginning = body[:MAX_PAGE_BYTES]
    if _is_utf16_or_utf32(beginning):
        encoding = json.detect_encoding(beginning).upper()
        return f"text in {encoding[:6]} instead of UTF-8"
    text = beginning.removeprefix(BYTE_ORDER_MARK).lstrip(WHITESPACE)
    return _text_name(text)


def _text_name(text: bytes) -> str:
    if text.startswith(b"{"):
        return f"{_objects_name(text)}: {_quote(text)}"
    if text.startswith(b"<"):
        name = "an HTML page"
        if text.startswith(b"<?xml"):
            name = "XML"
        words = page_text(text)
        if words:
            return f"{name}: {_quote(words.encode())}"
        return f"{name} without words"
    if text:
        return _quote(text)
    return "nothing"


def _objects_name(text: bytes) -> str:
    first_line, _, rest = text.partition(b"\n")
    is_line_by_line = first_line.rstrip().endswith(b"}") and rest.startswith(b"{")
    return "JSON objects, one a line" if is_line_by_line else "a JSON object"


def _quote(text: bytes) -> str:
    """Return the first words of a text, without secrets."""
    words = redact(" ".join(text.decode("utf-8", "replace").split()))
    if len(words) > MAX_QUOTED_CHARACTERS:
        words = words[:MAX_QUOTED_CHARACTERS] + "..."
    return repr(words)


def _is_utf16_or_utf32(beginning: bytes) -> bool:
    """Return whether a text is in UTF-16 or UTF-32."""
    return json.detect_encoding(beginning).startswith(("utf-16", "utf-32"))
