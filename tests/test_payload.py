"""Parsing payloads: exact values, or an error that names the position."""

from __future__ import annotations

import contextlib
import gzip
import json
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sdanalytics import CorruptReport, ReportCache, SDAnalyticsError, fetch_report, sandbox
from sdanalytics.model.metrics import CATALOGUE, ColumnKind
from sdanalytics.parsing import payload as parser
from sdanalytics.parsing import row_decoder
from sdanalytics.parsing.decompression import iter_decompressed
from sdanalytics.parsing.payload import read_payload
from sdanalytics.parsing.row_boundaries import BracketTracker
from tests.conftest import Box, JumpingClock

COLUMNS = ("campaignId", "campaignName", "costType", "clicks", "cost", "vtr")


def packed(text: str | bytes) -> bytes:
    return gzip.compress(text.encode() if isinstance(text, str) else text, 1)


def parsed_rows(payload: bytes, columns: tuple[str, ...] = COLUMNS) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_payload(payload, columns).to_pylist()
    return rows


# -- any rows that a service could send -------------------------------------------------

INT64 = st.integers(-(2**63), 2**63 - 1)
NUMBERS = INT64 | st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ['},{"', '},{"a":', "}, {", '\\"},{\\"', "\n\t", "ad ], [", "☃ 広告 🎯", "2022-01-01", "null"]
)
NEWS = st.recursive(
    st.none() | st.booleans() | INT64 | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
VALUES = {
    ColumnKind.ID: INT64 | INT64.map(str),
    ColumnKind.COUNT: INT64,
    ColumnKind.MONEY: NUMBERS,
    ColumnKind.RATIO: NUMBERS,
    ColumnKind.TEXT: TEXT,
    ColumnKind.CATEGORY: TEXT,
}


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    known = {name: st.none() | VALUES[CATALOGUE[name].kind] for name in COLUMNS}
    row = st.fixed_dictionaries({}, optional={**known, "isNew": NEWS, "deep},{": NEWS})
    rows = draw(st.lists(row, max_size=12))
    return [dict(draw(st.permutations(list(fields.items())))) for fields in rows]


SPACINGS: list[dict[str, Any]] = [
    {"separators": (",", ":")},
    {},
    {"indent": 2},
    {"ensure_ascii": False, "separators": (",", ":")},
]


def expected(sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value_of(name, row.get(name)) for name in COLUMNS} for row in sent]


def value_of(name: str, value: Any) -> Any:
    kind = CATALOGUE[name].kind
    if value is None:
        return None
    return int(value) if kind.is_integer else float(value) if kind.is_decimal else value


@given(sent=rows(), spacing=st.sampled_from(SPACINGS), repeat=st.sampled_from([1, 1, 400]))
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_rows_are_parsed_exactly(
    sent: list[dict[str, Any]], spacing: dict[str, Any], repeat: int
) -> None:
    repeated = sent * repeat
    assert parsed_rows(packed(json.dumps(repeated, **spacing))) == expected(repeated)


@given(sent=rows())
@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_rows_are_kept_exactly_through_cache_and_frame(
    sent: list[dict[str, Any]], tmp_path: Path
) -> None:
    box = Box(JumpingClock())
    with box.sandbox as service:
        service.set_content(lambda report: sent)
        store = ReportCache(tmp_path / uuid.uuid4().hex)
        for _ in range(2):
            frame = fetch_report(
                "campaigns",
                box.day(1),
                metrics=COLUMNS,
                tactic="T00020",
                client=box.client,
                cache=store,
            )
            shown = frame.drop(columns=["date", "tactic"]).astype(object)
            values = shown.where(shown.notna(), None).to_dict("records")
            assert sorted(map(repr, values)) == sorted(map(repr, expected(sent)))


# -- invalid values are rejected, never changed ------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("clicks", "5.7"),
        ("clicks", "5.0"),
        ("clicks", "1e2"),
        ("clicks", "true"),
        ("clicks", '"5"'),
        ("clicks", "9223372036854775808"),
        ("clicks", "NaN"),
        ("campaignId", "9007199254740993.0"),
        ("campaignId", '"12x"'),
        ("campaignId", '"١٢"'),
        ("campaignId", '"9223372036854775808"'),
        ("campaignId", "false"),
        ("cost", '"12.3"'),
        ("cost", "NaN"),
        ("cost", "-Infinity"),
        ("cost", "1e999"),
        ("cost", "true"),
        ("campaignName", "123"),
        ("campaignName", r'"\ud83d"'),
        ("campaignName", "[]"),
        ("costType", "1.5"),
    ],
)
@pytest.mark.parametrize("before", [0, 3, 30_000])
def test_a_value_that_does_not_fit_is_named(field: str, value: str, before: int) -> None:
    good = '{"campaignId":1,"clicks":2,"cost":3.5,"campaignName":"x"}'
    text = ",".join([good] * before + [f'{{"costType":"CPC","{field}":{value}}}', good])
    with pytest.raises(CorruptReport) as caught:
        parsed_rows(packed(f"[{text}]"))
    assert caught.value.field == field
    assert caught.value.row == before
    assert repr(field) in str(caught.value)


@pytest.mark.parametrize("row", ["null", "3", '"x"', "[1]"])
def test_an_element_that_is_not_a_row_is_named(row: str) -> None:
    with pytest.raises(CorruptReport, match="row 1") as caught:
        parsed_rows(packed(f'[{{"clicks":1}},{row},{{"clicks":2}}]'))
    assert (caught.value.row, caught.value.field) == (1, None)


# -- damage ------------------------------------------------------------------------------

WHOLE = packed('[{"campaignId":1,"clicks":2},{"campaignId":2,"clicks":3}]')


@pytest.mark.parametrize(
    "payload",
    {
        "empty": b"",
        "not gzip": b'[{"campaignId":1}]',
        "html": b"<html>Service Unavailable</html>",
        "cut in its header": WHOLE[:5],
        "cut in its data": WHOLE[:30],
        "cut in its checksum": WHOLE[:-5],
        "wrong checksum": WHOLE[:-8] + b"\0\0\0\0" + WHOLE[-4:],
        "wrong length": WHOLE[:-1] + b"\1",
        "garbage behind": WHOLE + b"garbage",
        "second member cut": WHOLE + WHOLE[:-3],
        "an object": packed('{"code":"500","details":"internal"}'),
        "nothing": packed(""),
        "text": packed("hello"),
        "array cut": packed('[{"campaignId":1},{"campaignId":2'),
        "array not closed": packed('[{"campaignId":1}'),
        "two arrays": packed("[][]"),
        "trailing text": packed('[{"campaignId":1}]x'),
        "comma at the end": packed('[{"campaignId":1},]'),
        "no comma": packed('[{"campaignId":1}{"campaignId":2}]'),
        "raw newline in text": packed('[{"campaignName":"a\nb"}]'),
        "not UTF-8": packed(b'[{"campaignName":"\xff\xfe"}]'),
        "not UTF-8 where nobody looks": packed(b'[{"clicks":1,"new":"\xff"}]'),
        "a name that is not UTF-8": packed(b'[{"click\xff":1}]'),
        "half a surrogate pair in UTF-8": packed(b'[{"campaignName":"\xed\xa0\xbd"}]'),
        "a vertical tab before": packed('\x0b[{"clicks":1}]'),
        "a form feed between": packed('[{"clicks":1},\x0c{"clicks":2}]'),
        # Python 3.14 follows 100 000 levels: it measures the stack that is left.
        "nested deeply": packed('[{"clicks":1,"new":' + "[" * 1_000_000 + "]" * 1_000_000 + "}]"),
        "nested and cut": packed('[{"new":' + '{"a":' * 100_000),
        "a wrong checksum of the header": WHOLE[:3] + b"\x02" + WHOLE[4:10] + b"xx" + WHOLE[10:],
        "garbage behind zeros": WHOLE + bytes(9) + WHOLE[:20],
        "half of a name": packed(r'[{"clicks":1,"\ud83d":1}]'),
        "the same number, by an exponent of six digits": packed(
            '[{"cost":0.' + "0" * 100_000 + '1e100000,"clicks":1}]'
        ),
    }.items(),
    ids=lambda case: case[0],
)
def test_damage_is_found(payload: tuple[str, bytes]) -> None:
    with pytest.raises(CorruptReport) as caught:
        parsed_rows(payload[1])
    assert caught.value.row is None


def test_a_gzip_header_of_a_megabyte_is_an_error_or_no_change() -> None:
    payload = WHOLE[:3] + b"\x08" + WHOLE[4:10] + b"n" * 2**20 + b"\0" + WHOLE[10:]
    with contextlib.suppress(CorruptReport):  # isal 1.9 does not take it; earlier ones read it
        assert parsed_rows(payload) == parsed_rows(WHOLE)


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_a_damaged_byte_is_an_error_or_no_change(data: st.DataObject) -> None:
    text = json.dumps([{"campaignId": n, "clicks": n % 7, "campaignName": "é"} for n in range(40)])
    payload = packed(text)
    index = data.draw(st.integers(0, len(payload) - 1))
    damaged = bytearray(payload)
    damaged[index] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(CorruptReport):  # some bytes do not matter, such as those of the date
        assert parsed_rows(bytes(damaged)) == parsed_rows(payload)


def test_gzip_of_several_members_is_read_to_the_end() -> None:
    parts = b'[{"clicks":1},', b'{"clicks":2}', b',{"clicks":3}]'
    payload = b"".join(packed(part) for part in parts)
    assert [row["clicks"] for row in parsed_rows(payload)] == [1, 2, 3]


def test_zeros_after_a_member_are_padding() -> None:
    """The same holds in gzip itself; data hidden behind them would be missing from the array."""
    parts = [packed('[{"clicks":1},'), bytes(600), packed('{"clicks":2}]'), bytes(1)]
    assert [row["clicks"] for row in parsed_rows(b"".join(parts))] == [1, 2]
    with pytest.raises(CorruptReport):
        parsed_rows(b"".join(parts[:2]))


@pytest.mark.parametrize("white", [" \n", "\t \r\n" * 100_000])
def test_byte_order_mark_and_white_space_are_accepted(white: str) -> None:
    text = f'\ufeff{white}[{white}{{"clicks": 1}}{white},{white}{{"clicks":{white}2}}]{white}'
    assert [row["clicks"] for row in parsed_rows(packed(text))] == [1, 2]


@pytest.mark.parametrize("separator", [",", " ,\n  "])
def test_nested_rows_of_unknown_fields_are_not_row_ends(separator: str) -> None:
    inner = separator.join('{"x":1}' for _ in range(60_000))
    row = '{"news":[' + inner + '],"clicks":1}'
    text = "[" + separator.join([row, '{"clicks":2}', row]) + "]"
    assert [row["clicks"] for row in parsed_rows(packed(text))] == [1, 2, 1]


def test_the_last_value_of_a_repeated_key_counts() -> None:
    assert parsed_rows(packed('[{"clicks":1,"clicks":2}]'))[0]["clicks"] == 2


def test_a_large_report_is_read_completely() -> None:
    repeated = [{"campaignId": 2**60 + n, "clicks": n, "cost": n / 100} for n in range(100_000)]
    payload = packed(json.dumps(repeated, separators=(",", ":")))
    table = read_payload(payload, ("campaignId", "clicks", "cost"))
    assert table.to_pylist() == repeated
    assert table.nbytes < 3 * 8.2 * len(repeated)


# -- bombs --------------------------------------------------------------------------------

BOMBS = {
    "zeros": ("[", "\0"),
    "an endless row": ('[{"x":1', ',"x":1'),
    "an endless string": ('[{"x":"', "a"),
    "an endless name": ('[{"', "a"),
    "an endless number": ('[{"cost":1', "1"),
    "white space between rows": ('[{"clicks":1},', " "),
    "white space behind the rows": ('[{"clicks":1}]', "\n"),
    "arrays in arrays": ("[", "["),
    "arrays in a row": ('[{"x":', "["),
    "objects in a row": ('[{"x":', '{"x":'),
    "rows in a row": ('[{"x":[{}', ',{"y":1}'),
    "strings in a row": ('[{"x":[""', ',""'),
    "quotes": ("[", '"'),
    "backslashes": ('[{"x":"', "\\"),
    "closing brackets": ('[{"x":"', '"]}'),
}
"""The beginning of each payload, and the text that repeats without an end."""


def bomb(begin: str, again: str, end: str = "", *, size: int = 2**32) -> bytes:
    """Return a payload that decompresses to `size` bytes, in thousands of members."""
    chunk = again * (2**21 // len(again))
    return packed(begin) + packed(chunk) * (size // len(chunk)) + packed(end)


@dataclass
class DecodingWork:
    """The work of reading payloads: bytes decompressed, and bytes scanned."""

    decompressed: int = 0
    scanned: int = 0
    longest: int = 0

    def scan(self, text: bytes) -> None:
        self.scanned += len(text)
        self.longest = max(self.longest, len(text))


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> DecodingWork:
    """Count the bytes that are decompressed, and those that are searched and decoded."""
    counter = DecodingWork()

    def counted(blocks: Iterator[bytes]) -> Iterator[bytes]:
        for block in blocks:
            counter.decompressed += len(block)
            yield block

    def count_scanned(function: Callable[..., Any], position: int) -> Callable[..., Any]:
        def wrapper(*arguments: Any) -> Any:
            counter.scan(arguments[position])
            return function(*arguments)

        return wrapper

    monkeypatch.setattr(
        parser, "iter_decompressed", lambda *given: counted(iter_decompressed(*given))
    )
    for holder, name, position in (
        (row_decoder, "find_last_row_boundary", 0),
        (row_decoder._ArrayDecoder, "decode", 1),
        (BracketTracker, "last_row_end", 1),
    ):
        monkeypatch.setattr(holder, name, count_scanned(getattr(holder, name), position))
    return counter


def peak_memory(read: Callable[[], object]) -> int:
    """Return the peak memory of reading in bytes, without that of Arrow."""
    tracemalloc.start()
    try:
        read()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("case", BOMBS)
def test_a_bomb_is_refused_and_fills_no_memory(case: str, work: DecodingWork) -> None:
    data = bomb(*BOMBS[case])
    assert len(data) > 2_000_000

    def read() -> None:
        with pytest.raises(CorruptReport):
            parsed_rows(data)

    assert peak_memory(read) < 48 * 2**20
    assert work.decompressed < 6 * 2**20
    assert work.scanned < 5 * work.decompressed


def test_white_space_before_the_rows_fills_no_memory(work: DecodingWork) -> None:
    data = bomb(" ", " ", '[{"clicks":1}]', size=2**28)
    assert peak_memory(lambda: parsed_rows(data)) < 4 * 2**20
    assert work.scanned < 2**20


def test_empty_members_are_skipped() -> None:
    data = packed("") * 200_000 + WHOLE
    assert peak_memory(lambda: parsed_rows(data)) < 4 * 2**20


def test_a_report_over_the_limit_is_rejected_before_decompression(
    work: DecodingWork,
) -> None:
    row = '{"clicks":1,"new":"' + 200 * "a" + '"}'
    data = bomb(f"[{row}", f",{row}", "]")
    with pytest.raises(
        CorruptReport, match=r"hold more than 20,000,000 .*largest_report"
    ) as caught:
        read_payload(data, COLUMNS, max_bytes=20_000_000)
    assert f"{len(data):,}" in str(caught.value)
    assert caught.value.row is None
    assert work.decompressed < 21_000_000


def test_tiny_rows_count_with_their_size_in_memory(work: DecodingWork) -> None:
    """Half a million empty rows are 1.5 MB of text, and 24 MB as a table of six columns."""
    data = bomb("[{}", ",{}", "]")
    with pytest.raises(CorruptReport, match="largest_report"):
        read_payload(data, COLUMNS, max_bytes=24_000_000)
    assert work.decompressed < 1_800_000


def test_a_report_at_the_limit_is_read() -> None:
    text = '[{"clicks":1},{"clicks":2}]'
    assert read_payload(packed(text), ("clicks",), max_bytes=len(text)).num_rows == 2
    with pytest.raises(CorruptReport):
        read_payload(packed(text), ("clicks",), max_bytes=len(text) - 1)


@pytest.mark.parametrize("row", ['{"news":[{"x":1},{"x":2},{"x":3}],"clicks":1}', '{",":1}', "{}"])
def test_rows_with_ambiguous_ends_are_read_by_blocks(row: str, work: DecodingWork) -> None:
    count = 1_200_000 // len(row)
    assert len(parsed_rows(packed("[" + ",".join([row] * count) + "]"))) == count
    assert work.longest < 2**19 + 100
    assert work.scanned < 3 * work.decompressed


def test_a_row_too_long_is_named() -> None:
    row = '{"new":"' + "a" * 5_000_000 + '"}'
    with pytest.raises(CorruptReport, match="row 2 is longer than 4,194,304 bytes") as caught:
        parsed_rows(packed('[{"clicks":1},{"clicks":2},' + row + "]"))
    assert (caught.value.row, caught.value.field) == (2, None)


# -- through the whole call ---------------------------------------------------------------


def test_a_report_with_an_invalid_value_is_not_requested_again(
    box: Box, store: ReportCache
) -> None:
    box.sandbox.set_content(lambda report: [{"campaignId": 1, "clicks": 5.7}])
    with pytest.raises(CorruptReport, match="'clicks' of row 0") as caught:
        fetch_report("campaigns", box.day(1), tactic="T00020", client=box.client, cache=store)
    assert caught.value.report_id in box.sandbox.reports
    assert box.sandbox.count("storage") == 1
    assert store.entries().empty


@pytest.mark.parametrize(
    "damaged",
    [b"", WHOLE[:-5], b"no gzip", packed("{}")],
    ids=["empty", "short", "plain", "object"],
)
def test_a_damaged_payload_is_downloaded_then_requested_again(
    box: Box, store: ReportCache, damaged: bytes
) -> None:
    def fetch() -> pd.DataFrame:
        return fetch_report(
            "campaigns", box.day(1), tactic="T00020", client=box.client, cache=store
        )

    answer = sandbox.ScriptedResponse(200, damaged)
    box.sandbox.script_responses("storage", answer)
    frame = fetch()
    assert len(frame) > 0
    assert (box.sandbox.count("request_report"), box.sandbox.count("download_report")) == (1, 2)

    store.remove("campaigns", box.day(1))
    box.sandbox.script_responses("storage", answer, answer)
    pd.testing.assert_frame_equal(fetch(), frame)
    assert (box.sandbox.count("request_report"), box.sandbox.count("download_report")) == (3, 5)

    store.remove("campaigns", box.day(1))
    box.sandbox.set_content(lambda report: damaged)
    with pytest.raises(CorruptReport) as caught:
        fetch()
    assert caught.value.row is None
    assert isinstance(caught.value, SDAnalyticsError)
    assert (box.sandbox.count("request_report"), box.sandbox.count("download_report")) == (5, 9)
    assert store.entries().empty
