"""Identifiers that follow from a name, and so are the same on every machine."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Final

_MIN_ID: Final = 300_000_000_000_000_000
_ID_RANGE: Final = 10**17
_CODE_ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"


@cache
def make_id(key: str) -> int:
    """Return an id of 18 digits: beyond what a float holds exactly, as Amazon's are."""
    digest = hashlib.sha256(key.encode()).digest()
    number = int.from_bytes(digest[:8], "big")
    offset = number % _ID_RANGE
    return _MIN_ID + offset


@cache
def make_code(key: str, length: int) -> str:
    """Return capital letters and digits, `length` of them."""
    digest = hashlib.sha256(key.encode()).digest()
    code = ""
    for byte in digest[:length]:
        position = byte % len(_CODE_ALPHABET)
        code += _CODE_ALPHABET[position]
    return code


def make_asin(product: str) -> str:
    """Return the ASIN of a product."""
    return "B0" + make_code(f"asin/{product}", 8)


def make_sku(product: str) -> str:
    """Return the seller's own number of a product."""
    number = make_id(product) % 100_000
    return f"SKU-{number:05d}"


def name_accessory(product: str) -> str:
    """Return the name of what is bought beside a product."""
    return f"{product} accessory"
