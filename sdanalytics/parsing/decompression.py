"""Decompression of a payload, block by block and up to a limit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final, NoReturn

from isal import igzip
from isal.igzip_lib import IsalError

from sdanalytics.errors import CorruptReport
from sdanalytics.parsing.task import ParseOptions

MAX_GZIP_RATIO: Final = 1032
"""Bytes of text that a byte of gzip can hold."""


def declared_size(payload: bytes) -> int:
    """Return the bytes of text that a payload declares in its trailer.

    This is a hint only: a payload may declare anything.
    """
    trailer = payload[-4:]
    return int.from_bytes(trailer, "little")


def iter_decompressed(file: BinaryIO, payload_size: int, options: ParseOptions) -> Iterator[bytes]:
    """Decompress a payload in blocks, with its checksums, lengths and later members checked.

    Parameters
    ----------
    file : binary file
        The payload.
    payload_size : int
        Bytes of the payload, for the message of an error.
    options : ParseOptions
        With the size of a block, and the bytes that the text may have.

    Raises
    ------
    CorruptReport
        When the payload is damaged, or the text is too large.
    """
    length = 0
    try:
        with igzip.GzipFile(fileobj=file) as text:
            while block := text.read(options.block_size):
                length += len(block)
                if length > options.max_bytes:
                    raise_too_large(payload_size, options.max_bytes)
                yield block
    # Overflow: a header, with the file's name in it, of more than half a MB.
    except (EOFError, OSError, OverflowError, IsalError) as error:  # type: ignore[misc]  # untyped
        raise CorruptReport(f"the payload is damaged: {error}") from None


def raise_too_large(payload_size: int, max_bytes: int) -> NoReturn:
    """Raise `CorruptReport` for a payload that holds too much."""
    raise CorruptReport(
        f"the payload's {payload_size:,} bytes hold more than {max_bytes:,} once unpacked. If "
        "the report can be as large as that, raise the limit: Client(..., largest_report=...), "
        "in bytes"
    )
