"""Generate malformed payloads and responses, and compare the library with plain readers.

``python -m tests.resilience.fuzzing --cases 100000 --seed 1`` makes half of them payloads for the
parser, half answers for `Client.get_report_status`, and holds each result against a reader
that is written with the standard library only, as slowly and plainly as can be. A case is
made of its seed and number alone: ``--case NUMBER`` looks at one again.

What the parser takes is what the plain reader takes, value for value; it says `CorruptReport`
to everything else, and never another error. The plain reader knows nothing of the parser's
documented bounds, and no case comes near to these: the size of the report, a row of 4 MiB,
a gzip header of 512 KB, brackets 500 deep, thousands of digits in a row.

One thing may be either: damage within a code table of deflate that no byte of the text is
written with. zlib refuses such a table and the parser's library may pass over it; then
the rows must be those from before the damage, to which the checksum holds.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import json
import random
import re
import socketserver
import struct
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from unittest import mock

from sdanalytics import Client, CorruptReport, Credentials, SDAnalyticsError
from sdanalytics._core.redact import redact
from sdanalytics.api.reporting_v2 import ReportResponse
from sdanalytics.model.dtypes import arrow_schema
from sdanalytics.model.metrics import (
    CATALOGUE,
    MATCHED_TARGET,
    ColumnKind,
    requestable_metrics,
)
from sdanalytics.model.record_types import list_record_types
from sdanalytics.parsing import payload
from tests.support.clock import JumpingClock

T = TypeVar("T")


class Refused(Exception):
    """Raised by the plain readers for anything that is not a report."""


class NotInflated(Refused):
    """Raised where zlib cannot decompress a gzip member."""


# -- the plain reader of payloads ----------------------------------------------------------


@dataclass(frozen=True)
class IntegerText:
    """The text of a number without decimals and exponent."""

    text: str


@dataclass(frozen=True)
class DecimalText:
    """The text of any other number."""

    text: str


class Pairs(list[tuple[str, Any]]):
    """The fields of an object in order, including repeated ones."""


Row = tuple[int | float | str | None, ...]


def plain_rows(data: bytes, columns: Sequence[str], required: Sequence[str] = ()) -> list[Row]:
    """Return the rows of a payload; raise `Refused` where it is not one.

    The last of a repeated field counts: all of them must be of its type, and that one must fit.
    What does not begin as gzip is the text itself.
    """
    text = unzip(data) if data.startswith(b"\x1f\x8b") else data
    text = text.removeprefix(b"\xef\xbb\xbf")
    try:
        document = json.loads(
            text.decode(),
            object_pairs_hook=Pairs,
            parse_int=IntegerText,
            parse_float=DecimalText,
            parse_constant=_reject_constant,
        )
    except (ValueError, RecursionError) as error:
        raise Refused(str(error)) from None
    if type(document) is not list:
        raise Refused("no array")
    _check_texts(document)
    rows = [_plain_row(row, columns) for row in document]
    for name in required:
        if any(row[columns.index(name)] in (None, "") for row in rows):
            raise Refused(f"a row without {name}")
    return rows


def unzip(data: bytes) -> bytes:
    """Return the text of all members of a gzip file; zeros may follow each member."""
    text, rest = _read_member(data)
    while rest := rest.lstrip(b"\0"):
        more, rest = _read_member(rest)
        text += more
    return text


def _read_member(data: bytes) -> tuple[bytes, bytes]:
    """Return the text of the first member, with its checksums verified, and the rest."""
    stream = io.BytesIO(data)
    magic, method, flags = struct.unpack("<2sBB6x", _take(stream, 10))
    if magic != b"\x1f\x8b" or method != 8:
        raise Refused("no gzip")
    if flags & 4:
        _take(stream, *struct.unpack("<H", _take(stream, 2)))
    for _ in range(bool(flags & 8) + bool(flags & 16)):
        while _take(stream, 1) != b"\0":
            pass
    header = data[: stream.tell()]
    if flags & 2 and _take(stream, 2) != struct.pack("<I", zlib.crc32(header))[:2]:
        raise Refused("the header's checksum")
    text = _inflate(stream)
    if _take(stream, 8) != struct.pack("<II", zlib.crc32(text), len(text) % 2**32):
        raise Refused("the checksum")
    return text, stream.read()


def _take(stream: io.BytesIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise Refused("cut short")
    return data


def _inflate(stream: io.BytesIO) -> bytes:
    reader = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        text = reader.decompress(stream.read())
    except zlib.error as error:
        raise NotInflated(str(error)) from None
    if not reader.eof:
        raise Refused("cut short")
    stream.seek(-len(reader.unused_data), io.SEEK_END)
    return text


def _reject_constant(name: str) -> None:
    raise Refused(f"{name} is no number")


def _check_texts(document: object) -> None:
    """Refuse half of a surrogate pair in any text, whether a column is read or not."""
    pending = [document]
    while pending:
        value = pending.pop()
        if isinstance(value, str) and re.search("[\ud800-\udfff]", value):
            raise Refused("half of a surrogate pair")
        pending += value if isinstance(value, list | tuple) else ()


def _plain_row(row: object, columns: Sequence[str]) -> Row:
    if not isinstance(row, Pairs):
        raise Refused("no row")
    values = dict.fromkeys(columns)
    for name, value in row:
        if name in values:
            values[name] = _plain_value(value, CATALOGUE[name].kind)
    return tuple(_fit_integer(values[name], CATALOGUE[name].kind) for name in columns)


def _plain_value(value: object, kind: ColumnKind) -> Any:
    match value:
        case None:
            return None
        case str() if not kind.is_decimal and kind is not ColumnKind.COUNT:
            return value
        case IntegerText(text) if kind.is_integer:
            return int(text)
        case DecimalText(text) if kind is ColumnKind.COUNT:
            return _parse_float64(text)
        case IntegerText(text) if kind.is_decimal:
            return _parse_float64(text) + 0.0  # -0 is 0, and -0.0 is not
        case DecimalText(text) if kind.is_decimal:
            return _parse_float64(text)
    raise Refused(f"{value!r} is no {kind.value}")


def _fit_integer(value: Any, kind: ColumnKind) -> Any:
    """Return the integer that an id or count means; other values as they are."""
    if value is None or not kind.is_integer:
        return value
    if isinstance(value, str) and not re.fullmatch("-?[0-9]{1,19}", value):
        raise Refused(f"{value!r} is no id")
    if isinstance(value, float) and (value % 1 or abs(value) >= 2**53):
        raise Refused(f"{value} is not whole, or not exact")
    if not -(2**63) <= int(value) < 2**63:
        raise Refused("a number of more than 64 bits")
    return int(value)


def _parse_float64(text: str) -> float:
    if abs(float(text)) == float("inf"):
        raise Refused("a number beyond all")
    return float(text)


# -- generating payloads -------------------------------------------------------------------


def split_words(text: str) -> list[str]:
    return text.split()


SNIPPETS: Final = [
    *split_words(
        'a Z 0 , : { } [ ] " \\ / },{" },{"a": \\"},{\\" "}] null NaN 1e5 \\u00 é ß İ 広告 ☃ 🎯'
    ),
    *("\u2028", "\u0085", "\ufeff", "\u00a0", "\uffff", "\x7f", "\0", "\n", "\t", " "),
    *("}, {", "}\n,\n{", "١٢"),
]
ODD_NUMBERS: Final = split_words(
    """
    5.7 5.0 -0 -0.0 0.0 1E2 1e00005 1e400 -1e400 1e-400 4.9e-324 2.2250738585072011e-308 0.1
    1.7976931348623157e308 1.7976931348623159e308 123456789012345678901234567.5
    9007199254740993 9007199254740993.0 1000000000000000000000000000000
    9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809
    18446744073709551615 18446744073709551616 9999999999999999999999999999999999999999
    01 - +5 .5 5. 1e 1e+ 0x10 1_000 --5 ٥ １２ ١٢
    """
)
ODD_TEXTS: Final = [
    *split_words(
        r'"5\n" "5\u0000" "\u0035" "007" "-5" "null" "\q" "\u12" "\u12g4" "\ud83d" "\ude00"'
    ),
    *split_words(
        r'"\ude00\ud83d" "\ud83d\ud83d\ude00" "\ud83d\u0041" "\ud83dx" "\ud83d\ude00" "" " "a'
    ),
    *('" 5"', '"5 "', '"a\nb"', '"a\tb"', '"\x1f"'),
]
ODD_VALUES: Final = (
    ODD_NUMBERS,
    [f'"{number}"' for number in ODD_NUMBERS],
    ODD_TEXTS,
    split_words("true false null NaN Infinity -Infinity True None undefined nul tru a 'a'"),
    ["", "1 2", *split_words('{ } [ ] , [] {} [[1]] [,] [1,] {"a":1,} {"a"} {1:2}')],
    ['[{"a":1},{"b":[{}]}]', "[" * 100 + "]" * 100, '{"a":' * 100 + "1" + "}" * 100],
    ["[" * 100_000, '{"a":' * 50_000],
)
ODD_ROWS: Final = ["", *split_words('null 3 "x" [1] [] [{}] {} true NaN {"":1} {",":{}}')]
TOKENS: Final = [
    *split_words(', : { } [ ] " \\ - 0 . e9 },{" },{ {}, null NaN \\u \\ud83d \\ude00'),
    *(" ", "\n", "\0", "\x0b", "\ufeff", "\ud83d"),
]
NO_UTF8: Final = (b"\xff", b"\xc0\x80", b"\xed\xa0\xbd", b"\xf4\x90\x80\x80", b"\xe2\x98", b"\xa0")
WHITESPACE: Final = ("", " ", "\n", "\t", "\r\n", "\n      ", 50 * " ")

Field = tuple[str, str]  # the name and the value, both as they are written
AnyRow = list[Field] | str


@dataclass(frozen=True)
class PayloadCase:
    """A payload, the columns to read, and the block size of the parser."""

    level: str
    data: bytes
    columns: tuple[str, ...]
    block: int
    before: bytes = b""
    """The payload before its compressed bytes were damaged."""
    required: tuple[str, ...] = ()
    """Those of the columns that every row must have a value of."""


def payload_case(seed: int, number: int) -> PayloadCase:
    rng = random.Random(f"payload {seed} {number}")
    level = ("valid", "values", "text", "members", "bytes")[number % 5]
    columns, rows = random_rows(rng)
    if level == "values":
        for _ in range(rng.choice((1, 1, 2, 3))):
            change_rows(rng, rows)
    text = render_rows(rng, rows).encode("utf-8", "surrogatepass")
    if level == "text":
        for _ in range(rng.choice((1, 1, 2, 5))):
            text = damaged(rng, text)
    is_plain = rng.random() < 0.1
    members = [text if is_plain else member(rng, part) for part in parts(rng, text)]
    if level == "members":
        change_members(rng, members)
    before = data = b"".join(members)
    if level == "bytes":
        for _ in range(rng.choice((1, 1, 2, 5))):
            data = damaged(rng, data)
    # Blocks so small that they begin and end at any place; or the real ones.
    block = rng.randint(3, 400) if len(text) < 5000 else payload.BLOCK_SIZE
    required = tuple(name for name in columns if rng.random() < 0.05)
    return PayloadCase(level, data, columns, block, before, required)


def random_rows(rng: random.Random) -> tuple[tuple[str, ...], list[AnyRow]]:
    record_type, segment = rng.choice(list_record_types("v2")), rng.choice((None, MATCHED_TARGET))
    available = requestable_metrics(record_type, segment) or requestable_metrics(record_type, None)
    columns = tuple(rng.sample(available, min(len(available), rng.choice((1, 3, 8, 40)))))
    names = [*columns, *rng.sample(sorted(CATALOGUE), 3)]
    rows: list[AnyRow] = [random_row(rng, names) for _ in range(rng.choice((0, 1, 2, 3, 5, 12)))]
    if rng.random() < 0.005:
        rows *= 400  # of the real blocks, several
    return columns, rows


def random_row(rng: random.Random, names: Sequence[str]) -> list[Field]:
    filled = rng.choice((0.2, 0.9, 1.0))
    row = [
        (name_text(rng, name), random_value(rng, CATALOGUE[name].kind))
        for name in names
        if rng.random() < filled
    ]
    if rng.random() < 0.3:
        row.append((random_text(rng), random_nested(rng, 4)))
    if rng.random() < 0.5:
        rng.shuffle(row)
    return row


def name_text(rng: random.Random, name: str) -> str:
    """Return the name of a field, sometimes with an escaped letter."""
    if rng.random() < 0.95:
        return f'"{name}"'
    index = rng.randrange(len(name))
    return f'"{name[:index]}\\u{ord(name[index]):04x}{name[index + 1 :]}"'


def random_value(rng: random.Random, kind: ColumnKind) -> str:
    if rng.random() < 0.1:
        return "null"
    if kind.is_integer:
        number = rng.choice((0, 7, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), rng.getrandbits(62)))
        if kind is ColumnKind.ID:
            return f'"{number}"' if rng.random() < 0.2 else str(number)
        spellings = (str(number), str(number), f"{number % 2**53}.0", f"{number % 1000}E2")
        return rng.choice(spellings)
    return random_decimal(rng) if kind.is_decimal else random_text(rng)


def random_decimal(rng: random.Random) -> str:
    if rng.random() < 0.5:
        return repr(rng.choice((0, 0.0, 5, -3, 12.3, rng.random(), rng.uniform(0, 1e9))))
    number = rng.choice(("", "-")) + str(rng.getrandbits(rng.randint(1, 90)))
    if rng.random() < 0.7:
        number += "." + "".join(rng.choices("0123456789", k=rng.choice((1, 2, 16, 17, 30, 800))))
    if rng.random() < 0.5:
        number += rng.choice("eE") + rng.choice(("", "-", "+")) + str(rng.choice((0, 5, 23, 270)))
    return number


def random_text(rng: random.Random) -> str:
    text = "".join(rng.choices(SNIPPETS, k=rng.choice((0, 1, 3, 10))))
    return json.dumps(text, ensure_ascii=rng.random() < 0.5)


def random_nested(rng: random.Random, depth: int) -> str:
    """Return a value that a new field of the service could hold, such as nested rows."""
    shape = rng.choice(("list", "object", "rows", "text", "number")) if depth else "number"
    inner = [random_nested(rng, depth - 1) for _ in range(rng.randint(0, 3))] if depth else []
    fields = [f"{random_text(rng)}:{value}" for value in inner]
    return {
        "list": f"[{','.join(inner)}]",
        "object": f"{{{','.join(fields)}}}",
        "rows": f"[{rng.choice((',', ' , ')).join(f'{{{item}}}' for item in fields)}]",
        "text": random_text(rng),
        "number": random_decimal(rng),
    }[shape]


def change_rows(rng: random.Random, rows: list[AnyRow]) -> None:
    """Put something odd among the rows, or into one of them."""
    index = rng.randrange(len(rows) + 1)
    row = rows[index] if index < len(rows) else ""
    if not isinstance(row, list) or rng.random() < 0.2:
        rows.insert(index, rng.choice(ODD_ROWS))
    else:
        rows[index] = changed = list(row)
        change_fields(rng, changed, [name for name, _ in row])


def change_fields(rng: random.Random, fields: list[Field], names: Sequence[str]) -> None:
    """Give a field an odd value, add one, repeat one or give it an odd name."""
    position = rng.randrange(len(fields) + 1)
    odd = rng.choice(rng.choice(ODD_VALUES))
    change = rng.choice(("value", "value", "value", "again", "new", "name", "lost"))
    if change == "value":
        fields[position : position + 1] = [
            (name, odd) for name, _ in fields[position : position + 1]
        ]
    elif change == "again":
        fields[position:position] = [(name, odd) for name in rng.sample(names, min(len(names), 1))]
    elif change == "new":
        fields.insert(position, (random_text(rng), odd))
    elif change == "name":
        fields.insert(position, (odd, random_text(rng)))
    else:
        del fields[position : position + 1]


def render_rows(rng: random.Random, rows: list[AnyRow]) -> str:
    """Return the rows as JSON: compact, pretty, or with random white space."""
    comma, colon, between, inside = rng.choice(
        (
            (",", ":", ",", ""),
            (", ", ": ", ", ", ""),
            (",\n    ", ": ", ",\n  ", "\n"),
            tuple(
                rng.choice(WHITESPACE) + mark + rng.choice(WHITESPACE)
                for mark in (",", ":", ",", "")
            ),
        )
    )
    texts = [
        row
        if isinstance(row, str)
        else f"{{{inside}{comma.join(name + colon + value for name, value in row)}{inside}}}"
        for row in rows
    ]
    mark = "\ufeff" if rng.random() < 0.1 else ""
    before, behind = rng.choice(WHITESPACE), rng.choice(WHITESPACE)
    return f"{mark}{before}[{behind}{between.join(texts)}{before}]{behind}"


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Return the bytes with one error: changed, added, missing, doubled or moved."""
    position = rng.randrange(len(data) + 1)
    to = min(len(data), position + rng.choice((1, 1, 2, 8, 40)))
    run = data[position:to]
    flipped = bytes(byte ^ 1 << rng.randrange(8) for byte in run[:1]) + run[1:]
    elsewhere = rng.randrange(len(data) + 1)
    token = rng.choice([*(item.encode("utf-8", "surrogatepass") for item in TOKENS), *NO_UTF8])
    return rng.choice(
        (
            data[:position] + flipped + data[to:],
            data[:position] + flipped + data[to:],
            data[:position] + rng.randbytes(len(run)) + data[to:],
            data[:position] + bytes(len(run)) + data[to:],
            data[:position] + rng.randbytes(rng.choice((1, 2, 8))) + data[position:],
            data[:position] + token + data[position:],
            data[:position] + token + data[to:],
            data[:position] + data[to:],
            data[:position] + run + data[position:],
            data[:elsewhere] + run + data[elsewhere:],
            data[:position],
            data[position:],
        )
    )


def parts(rng: random.Random, text: bytes) -> list[bytes]:
    cuts = sorted(rng.choices(range(len(text) + 1), k=rng.choice((0, 0, 0, 1, 3))))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def member(rng: random.Random, text: bytes) -> bytes:
    """Return a gzip member with a random valid header."""
    flags = rng.choice((0, 0, 0, rng.randrange(32), rng.randrange(32)))
    head = struct.pack("<2sBBIBB", b"\x1f\x8b", 8, flags, rng.getrandbits(32), 0, 255)
    if flags & 4:
        extra = rng.randbytes(rng.choice((0, 4, 300)))
        head += struct.pack("<H", len(extra)) + extra
    for flag in (8, 16):
        head += (
            bytes(rng.choices(range(1, 256), k=rng.choice((0, 5, 300)))) + b"\0"
            if flags & flag
            else b""
        )
    if flags & 2:
        head += struct.pack("<H", zlib.crc32(head) & 0xFFFF)
    strategy = rng.choice((zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY))
    packer = zlib.compressobj(rng.choice((0, 1, 9)), zlib.DEFLATED, -15, 8, strategy)
    tail = struct.pack("<II", zlib.crc32(text), len(text) % 2**32)
    return head + packer.compress(text) + packer.flush() + tail


def change_members(rng: random.Random, members: list[bytes]) -> None:
    """Put something odd between, before or behind the members, or into one of them."""
    position = rng.randrange(len(members))
    chosen = members[position]
    noise = struct.pack("<I", rng.getrandbits(32))
    odd: dict[str, list[bytes]] = {
        "none": [chosen],
        "empty before": [*[member(rng, b"") for _ in range(rng.choice((1, 50)))], chosen],
        "empty behind": [chosen, member(rng, b"")],
        "zeros behind": [chosen, bytes(rng.choice((1, 7, 8, 511, 512, 10_000)))],
        "zeros before": [bytes(3), chosen],
        "garbage behind": [
            chosen,
            rng.choice((b"\x1f", b"\x1f\x8b", b"x", rng.randbytes(30), chosen[:12])),
        ],
        "zeros and garbage": [chosen, bytes(5), rng.choice((b"\x1f", b"x", chosen[:20]))],
        "checksum": [chosen[:-8] + noise + chosen[-4:]],
        "length": [chosen[:-4] + noise],
        "flags": [chosen[:3] + bytes([rng.randrange(256)]) + chosen[4:]],
        "method": [chosen[:2] + bytes([rng.choice((0, 7, 9))]) + chosen[3:]],
        "twice": [chosen, chosen],
        "lost": [],
        "header alone": [chosen, chosen[:10]],
        "cut": [chosen[: rng.randrange(len(chosen))]],
        "moved": [members[rng.randrange(len(members))]],
    }
    members[position : position + 1] = odd[rng.choice(sorted(odd))]


# -- the parser against the plain reader ---------------------------------------------------


class Failure(AssertionError):
    """Raised where the library differs from the plain reader."""


def attempt(read: Callable[..., T], *args: object) -> tuple[T | None, Refused | None]:
    """Return the result of a plain reader, or its refusal."""
    try:
        return read(*args), None
    except Refused as refusal:
        return None, refusal


def judge_payload(case: PayloadCase) -> bool:
    """Return whether parser and plain reader accept the payload; raise `Failure` if they differ."""
    expected, refusal = attempt(plain_rows, case.data, case.columns, case.required)
    try:
        with mock.patch.object(payload, "BLOCK_SIZE", case.block):
            table = payload.read_payload(case.data, case.columns, required=case.required)
    except CorruptReport as error:
        if expected is not None:
            raise Failure(f"refused, though it is right: {error}") from error
        return False
    if table.schema != arrow_schema(case.columns):
        raise Failure(f"other columns: {table.schema}")
    if isinstance(refusal, NotInflated):
        expected = plain_rows(case.before, case.columns, case.required)
    got = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    if repr(got) != repr(expected):
        raise Failure(f"taken as {got!r:.300}, not as {refusal or expected!r:.300}")
    return True


# -- the plain reader of a report's status -------------------------------------------------

TEXTS: Final = ("reportId", "status", "recordType", "statusDetails", "location")
NUMBERS: Final = ("fileSize", "expiration")


@dataclass(frozen=True)
class StatusCase:
    """A response as the server writes it, and the part of it that reaches the client."""

    level: str
    wire: bytes
    status: int
    encoding: str
    body: bytes
    flawless: bool = True
    """Whether it is valid HTTP; the client must then accept a valid body."""


def plain_report(case: StatusCase) -> ReportResponse:
    """Return the report of a response; raise `Refused` where it is missing or malformed.

    An id may be a whole number. Fields that the client does not know may be anything.
    """
    if case.status != 200:
        raise Refused(f"status {case.status}")
    try:
        document = json.loads(plain_body(case))
    except (ValueError, RecursionError) as error:
        raise Refused(str(error)) from None
    if type(document) is not dict:
        raise Refused("no object")
    if type(document.get("reportId")) is int:
        document["reportId"] = str(document["reportId"])
    for name in TEXTS:
        _check_plain_text(name, document.get(name))
    for name in NUMBERS:
        if type(document.get(name)) not in (int, type(None)):
            raise Refused(f"{name} is no whole number")
    if not document.get("reportId") or document.get("status") is None:
        raise Refused("no id or no status")
    if not re.fullmatch("[!-~]{1,256}", document["reportId"]):
        raise Refused("an id with spaces, control characters or other letters")
    known: dict[str, Any] = {name: document.get(name) for name in NUMBERS}
    for name in TEXTS:
        known[name] = document.get(name) and redact(document[name], [TOKEN])
    return ReportResponse(**known)


def requested_id(case: StatusCase) -> str:
    """Return the report id of the response, so that the client does not reject it as another's."""
    with contextlib.suppress(Refused, ValueError, RecursionError, KeyError, TypeError):
        report_id = redact(str(json.loads(plain_body(case))["reportId"]), [TOKEN])
        return report_id.encode().decode() or "a-report"
    return "a-report"


def plain_body(case: StatusCase) -> bytes:
    if case.encoding.lower() == "gzip":
        with contextlib.suppress(Refused):  # it lies, and the body may be what it should be
            return unzip(case.body)
    return case.body


def _check_plain_text(name: str, value: object) -> None:
    if type(value) not in (str, type(None)) or re.search("[\ud800-\udfff]", str(value)):
        raise Refused(f"{name} is no text")


# -- generating responses ------------------------------------------------------------------

TOKEN: Final = "Atza|a-token-that-nobody-may-see"
STATES: Final = ("IN_PROGRESS", "SUCCESS", "FAILURE", "COMPLETED", "SUCCES", "")
STATUSES: Final = split_words("200 201 202 204 206 301 304 307 400 401 403 404 406 422 429 500 999")
END: Final = "Connection: close"
HEADERS: Final = (
    *("Content-Type: application/json", "Content-Type: text/html", "Content-Type:"),
    *("Content-Type: application/json; charset=utf-16", "Set-Cookie: a=b", "Retry-After: 1e9"),
    *("Retry-After: 3", "Location: http://127.0.0.1/", "x-amz-rid: R1", f"x-amz-rid: {'R' * 9000}"),
)
ENCODINGS: Final = ("gzip", "GZIP", "deflate", "br", "identity", "x-gzip", "gzip, gzip", "")
PAGES: Final = (
    *(b"", b" ", b"null", b"[]", b"{}", b"0", b'""', b"<html><h1>503</h1>Try again</html>"),
    *(b"\xff\xfe", b"\x1f\x8b", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 10_000, bytes(500)),
    *(b"<" * 3000, b"&#" * 2000, b"<script>" * 400, b'{"code":{"a":[1]},"details":["x"]}'),
    TOKEN.encode(),
    json.dumps({"code": TOKEN, "details": f"Bearer {TOKEN} {TOKEN}", "requestId": TOKEN}).encode(),
)


def status_case(seed: int, number: int) -> StatusCase:
    rng = random.Random(f"status {seed} {number}")
    level = ("valid", "values", "text", "headers", "wire")[number % 5]
    fields = random_report(rng)
    if level == "values":
        for _ in range(rng.choice((1, 1, 2))):
            change_fields(rng, fields, [f'"{name}"' for name in (*TEXTS, *NUMBERS)])
    text = render_rows(rng, [fields]).strip("\ufeff \t\r\n")[1:-1].encode("utf-8", "surrogatepass")
    if level == "text":
        for _ in range(rng.choice((1, 1, 3))):
            text = damaged(rng, text)
    if level == "headers":
        return headers_case(rng, text)
    if level == "wire":
        return wire_case(rng, text)
    return StatusCase(level, wire(text), 200, "", text)


def random_report(rng: random.Random) -> list[Field]:
    """Return the fields of a report, some of them missing, others new."""
    report_id = f"amzn1.sdAPI.v1.p1.{rng.getrandbits(26)}"
    fields = [
        ('"reportId"', str(rng.getrandbits(70)) if rng.random() < 0.1 else json.dumps(report_id)),
        ('"status"', json.dumps(rng.choice(STATES))),
        ('"recordType"', rng.choice(('"CAMPAIGN"', '"campaigns"', "null"))),
        ('"statusDetails"', rng.choice((random_text(rng), "null", json.dumps(f"of {TOKEN}")))),
        ('"location"', rng.choice((f'"https://x/v2/reports/{report_id}/download"', "null"))),
        ('"fileSize"', rng.choice((str(rng.getrandbits(70)), "0", "-5", "null"))),
        ('"expiration"', rng.choice((str(rng.getrandbits(41)), "null"))),
        (random_text(rng), random_nested(rng, 3)),
    ]
    fields[2:] = [item for item in fields[2:] if rng.random() < 0.7]
    rng.shuffle(fields)
    return fields


def wire(body: bytes, *headers: str, status: int = 200, length: int | None = None) -> bytes:
    length = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status} It", f"Content-Length: {length}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def headers_case(rng: random.Random, text: bytes) -> StatusCase:
    """Return a response whose headers may not match its body."""
    members = [member(rng, part) for part in parts(rng, text)]
    body = rng.choice((text, gzip.compress(text, 1), b"".join(members)))
    if rng.random() < 0.3:
        body = damaged(rng, body)
    encoding = rng.choice(ENCODINGS)
    headers = rng.sample(HEADERS, rng.randint(0, 3))
    headers += [f"Content-Encoding: {encoding}"] if encoding else []
    # Several members: nobody sends an answer like that, and the client need not take it.
    flawless = body.count(b"\x1f\x8b") < 2
    return StatusCase("headers", wire(body, *headers), 200, encoding, body, flawless)


def wire_case(rng: random.Random, text: bytes) -> StatusCase:
    """Return invalid HTTP, after which the connection is closed."""
    make = rng.choice((other_status, other_page, cut, too_long, without_length, chunked, odd_head))
    return make(rng, text)


def other_status(rng: random.Random, text: bytes) -> StatusCase:
    status, body = int(rng.choice(STATUSES)), rng.choice((text, *PAGES))
    sent = wire(body, END, *rng.sample(HEADERS, 2), status=status)
    return StatusCase("wire", sent, status, "", body, flawless=False)


def other_page(rng: random.Random, text: bytes) -> StatusCase:
    page = rng.choice(PAGES)
    return StatusCase("wire", wire(page, END), 200, "", page)


def cut(rng: random.Random, text: bytes) -> StatusCase:
    position = rng.randrange(len(text) + 1)
    return StatusCase(
        "wire", wire(text, END, length=position), 200, "", text[:position], flawless=False
    )


def too_long(rng: random.Random, text: bytes) -> StatusCase:
    sent = wire(text, END, length=len(text) + rng.choice((1, 10**6, 10**20)))
    return StatusCase("wire", sent, 200, "", text, flawless=False)


def without_length(rng: random.Random, text: bytes) -> StatusCase:
    sent = wire(text, END).replace(b"Content-Length", b"X-Length")
    return StatusCase("wire", sent, 200, "", text)


def chunked(rng: random.Random, text: bytes) -> StatusCase:
    sizes = wire(b"", END, "Transfer-Encoding: chunked").replace(b"Content-Length", b"X-Length")
    chunks = [b"%x\r\n%b\r\n" % (len(part), part) for part in parts(rng, text) if part]
    end = rng.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"", b"0", b"x\r\n", b"-1\r\n"))
    return StatusCase("wire", sizes + b"".join(chunks) + end, 200, "", text, end[1:] == b"\r\n\r\n")


def odd_head(rng: random.Random, text: bytes) -> StatusCase:
    sent = damaged(rng, wire(b"", END, length=len(text))) + text
    return StatusCase("wire", sent, 200, "", text, flawless=False)


# -- the client against the plain reader ---------------------------------------------------


class _Connection(socketserver.StreamRequestHandler):
    """A handler that sends the server's current response to each request."""

    server: Wire
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            while self.rfile.readline():
                while self.rfile.readline().strip():
                    pass
                self.wfile.write(self.server.response)
                if self.server.closes:
                    return


class Wire(socketserver.ThreadingTCPServer):
    """A client and the server at the other end of its connection."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.response = b""
        self.closes = False
        self.client = Client(
            Credentials("a-client", access_token=TOKEN),
            1,
            base_url=f"http://127.0.0.1:{self.server_address[1]}",
            clock=JumpingClock(),
        )
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def server_close(self) -> None:
        self.shutdown()
        super().server_close()

    def judge(self, case: StatusCase) -> bool:
        """Return whether client and plain reader accept the response.

        Raise `Failure` where they differ.
        """
        expected, refusal = attempt(plain_report, case)
        self.response, self.closes = case.wire, case.level == "wire"
        try:
            got = self.client.get_report_status(requested_id(case))
        except SDAnalyticsError as error:
            if TOKEN in f"{error}{error.__dict__}":
                raise Failure(f"an error with the token: {error}") from error
            if expected is not None and case.flawless:
                raise Failure(f"refused, though it is right: {error}") from error
            return False
        if repr(got) != repr(expected):
            raise Failure(f"taken as {got!r:.500}, not as {refusal or expected!r:.500}")
        return True


# -- all of it -----------------------------------------------------------------------------


@dataclass
class Outcome:
    """The results of the cases."""

    accepted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        levels = dict.fromkeys(sorted(self.accepted | self.refused))
        lines = [f"{'':20}{'cases':>8}{'accepted':>10}{'refused':>9}"]
        for level in levels:
            accepted, refused = self.accepted[level], self.refused[level]
            lines.append(f"{level:20}{accepted + refused:8}{accepted:10}{refused:9}")
        accepted, refused = self.accepted.total(), self.refused.total()
        lines.append(f"{'all':20}{accepted + refused:8}{accepted:10}{refused:9}")
        return "\n".join([*lines, f"failures: {len(self.failures)}", *self.failures[:50]])


def run(numbers: Iterable[int], seed: int) -> Outcome:
    """Judge the cases with these numbers: payloads if even, responses if odd."""
    outcome = Outcome()
    with Wire() as server:
        for number in numbers:
            judge_one(number, seed, server, outcome)
    return outcome


def judge_one(number: int, seed: int, server: Wire, outcome: Outcome) -> None:
    case = (status_case if number % 2 else payload_case)(seed, number // 2)
    kind = "payload" if isinstance(case, PayloadCase) else "status"
    try:
        accepted = judge_payload(case) if isinstance(case, PayloadCase) else server.judge(case)
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        outcome.failures.append(f"case {number} of seed {seed}, {kind} {case.level}: {message}")
    else:
        (outcome.accepted if accepted else outcome.refused)[f"{kind} {case.level}"] += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", type=int, help="this one only")
    options = parser.parse_args()
    numbers = range(options.cases) if options.case is None else [options.case]
    started = time.monotonic()
    outcome = run(numbers, options.seed)
    seconds = time.monotonic() - started
    sys.stdout.write(f"{outcome}\nseed {options.seed}, {seconds:.0f} seconds\n")
    return 1 if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main())
