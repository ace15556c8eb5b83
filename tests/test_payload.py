"""From the bytes to the frame: exact, or an error that names the place."""

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


def rows_of(payload: bytes, columns: tuple[str, ...] = COLUMNS) -> list[dict[str, Any]]:
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
    made = draw(st.lists(row, max_size=12))
    return [dict(draw(st.permutations(list(one.items())))) for one in made]


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
def test_any_rows_survive_value_for_value(
    sent: list[dict[str, Any]], spacing: dict[str, Any], repeat: int
) -> None:
    many = sent * repeat
    assert rows_of(packed(json.dumps(many, **spacing))) == expected(many)


@given(sent=rows())
@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_any_rows_survive_the_way_through_the_cache_to_the_frame(
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


# -- what does not fit is refused, never changed -----------------------------------------


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
        rows_of(packed(f"[{text}]"))
    assert caught.value.field == field
    assert caught.value.row == before
    assert repr(field) in str(caught.value)


@pytest.mark.parametrize("row", ["null", "3", '"x"', "[1]"])
def test_a_row_that_is_no_row_is_named(row: str) -> None:
    with pytest.raises(CorruptReport, match="row 1") as caught:
        rows_of(packed(f'[{{"clicks":1}},{row},{{"clicks":2}}]'))
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
        "nested deeply": packed('[{"clicks":1,"new":' + "[" * 100_000 + "]" * 100_000 + "}]"),
        "nested and cut": packed('[{"new":' + '{"a":' * 100_000),
        "a header of a megabyte": WHOLE[:3]
        + b"\x08"
        + WHOLE[4:10]
        + b"n" * 2**20
        + b"\0"
        + WHOLE[10:],
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
        rows_of(payload[1])
    assert caught.value.row is None


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_a_damaged_byte_is_an_error_or_no_change(data: st.DataObject) -> None:
    text = json.dumps([{"campaignId": n, "clicks": n % 7, "campaignName": "é"} for n in range(40)])
    payload = packed(text)
    place = data.draw(st.integers(0, len(payload) - 1))
    damaged = bytearray(payload)
    damaged[place] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(CorruptReport):  # some bytes matter not, such as those of the date
        assert rows_of(bytes(damaged)) == rows_of(payload)


def test_gzip_of_several_members_is_read_to_the_end() -> None:
    parts = b'[{"clicks":1},', b'{"clicks":2}', b',{"clicks":3}]'
    payload = b"".join(packed(part) for part in parts)
    assert [row["clicks"] for row in rows_of(payload)] == [1, 2, 3]


def test_zeros_behind_a_member_are_padding() -> None:
    """As for gzip itself: what they might hide would be missing from the array."""
    parts = [packed('[{"clicks":1},'), bytes(600), packed('{"clicks":2}]'), bytes(1)]
    assert [row["clicks"] for row in rows_of(b"".join(parts))] == [1, 2]
    with pytest.raises(CorruptReport):
        rows_of(b"".join(parts[:2]))


@pytest.mark.parametrize("white", [" \n", "\t \r\n" * 100_000])
def test_a_byte_order_mark_and_white_space_are_no_damage(white: str) -> None:
    text = f'\ufeff{white}[{white}{{"clicks": 1}}{white},{white}{{"clicks":{white}2}}]{white}'
    assert [row["clicks"] for row in rows_of(packed(text))] == [1, 2]


@pytest.mark.parametrize("separator", [",", " ,\n  "])
def test_rows_within_unknown_fields_are_no_ends_of_rows(separator: str) -> None:
    inner = separator.join('{"x":1}' for _ in range(60_000))
    row = '{"news":[' + inner + '],"clicks":1}'
    text = "[" + separator.join([row, '{"clicks":2}', row]) + "]"
    assert [row["clicks"] for row in rows_of(packed(text))] == [1, 2, 1]


def test_the_last_of_a_repeated_key_counts_as_everywhere_in_python() -> None:
    assert rows_of(packed('[{"clicks":1,"clicks":2}]'))[0]["clicks"] == 2


def test_a_large_report_arrives_whole() -> None:
    many = [{"campaignId": 2**60 + n, "clicks": n, "cost": n / 100} for n in range(100_000)]
    payload = packed(json.dumps(many, separators=(",", ":")))
    table = read_payload(payload, ("campaignId", "clicks", "cost"))
    assert table.to_pylist() == many
    assert table.nbytes < 3 * 8.2 * len(many)


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
"""What each begins with, and what follows without an end."""


def bomb(begin: str, again: str, end: str = "", *, size: int = 2**32) -> bytes:
    """Text of that size, in thousands of members."""
    chunk = again * (2**21 // len(again))
    return packed(begin) + packed(chunk) * (size // len(chunk)) + packed(end)


@dataclass
class Work:
    """What reading payloads has taken."""

    unpacked: int = 0
    looked_at: int = 0
    longest: int = 0

    def look(self, text: bytes) -> None:
        self.looked_at += len(text)
        self.longest = max(self.longest, len(text))


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """Counts the bytes that come out of gzip and those that are searched and decoded."""
    done = Work()

    def counted(blocks: Iterator[bytes]) -> Iterator[bytes]:
        for block in blocks:
            done.unpacked += len(block)
            yield block

    def looking(function: Callable[..., Any], place: int) -> Callable[..., Any]:
        def look(*arguments: Any) -> Any:
            done.look(arguments[place])
            return function(*arguments)

        return look

    monkeypatch.setattr(
        parser, "iter_decompressed", lambda *given: counted(iter_decompressed(*given))
    )
    for holder, name, place in (
        (row_decoder, "find_last_row_boundary", 0),
        (row_decoder._ArrayDecoder, "decode", 1),
        (BracketTracker, "last_row_end", 1),
    ):
        monkeypatch.setattr(holder, name, looking(getattr(holder, name), place))
    return done


def peak_of(read: Callable[[], object]) -> int:
    """The bytes that reading takes at most, those of Arrow not counted."""
    tracemalloc.start()
    try:
        read()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("case", BOMBS)
def test_a_bomb_is_refused_and_fills_no_memory(case: str, work: Work) -> None:
    data = bomb(*BOMBS[case])
    assert len(data) > 2_000_000

    def read() -> None:
        with pytest.raises(CorruptReport):
            rows_of(data)

    assert peak_of(read) < 48 * 2**20
    assert work.unpacked < 6 * 2**20
    assert work.looked_at < 5 * work.unpacked


def test_white_space_before_the_rows_fills_no_memory(work: Work) -> None:
    data = bomb(" ", " ", '[{"clicks":1}]', size=2**28)
    assert peak_of(lambda: rows_of(data)) < 4 * 2**20
    assert work.looked_at < 2**20


def test_members_without_text_are_passed_over() -> None:
    data = packed("") * 200_000 + WHOLE
    assert peak_of(lambda: rows_of(data)) < 4 * 2**20


def test_a_report_larger_than_it_may_be_is_refused_before_it_is_unpacked(work: Work) -> None:
    row = '{"clicks":1,"new":"' + 200 * "a" + '"}'
    data = bomb(f"[{row}", f",{row}", "]")
    with pytest.raises(
        CorruptReport, match=r"hold more than 20,000,000 .*largest_report"
    ) as caught:
        read_payload(data, COLUMNS, max_bytes=20_000_000)
    assert f"{len(data):,}" in str(caught.value)
    assert caught.value.row is None
    assert work.unpacked < 21_000_000


def test_rows_of_next_to_no_text_count_as_what_they_become(work: Work) -> None:
    """Half a million empty rows are 1.5 MB of text, and 24 MB as a table of six columns."""
    data = bomb("[{}", ",{}", "]")
    with pytest.raises(CorruptReport, match="largest_report"):
        read_payload(data, COLUMNS, max_bytes=24_000_000)
    assert work.unpacked < 1_800_000


def test_a_report_as_large_as_it_may_be_is_read() -> None:
    text = '[{"clicks":1},{"clicks":2}]'
    assert read_payload(packed(text), ("clicks",), max_bytes=len(text)).num_rows == 2
    with pytest.raises(CorruptReport):
        read_payload(packed(text), ("clicks",), max_bytes=len(text) - 1)


@pytest.mark.parametrize("row", ['{"news":[{"x":1},{"x":2},{"x":3}],"clicks":1}', '{",":1}', "{}"])
def test_rows_whose_ends_cannot_be_guessed_are_read_a_block_at_a_time(row: str, work: Work) -> None:
    count = 1_200_000 // len(row)
    assert len(rows_of(packed("[" + ",".join([row] * count) + "]"))) == count
    assert work.longest < 2**19 + 100
    assert work.looked_at < 3 * work.unpacked


def test_a_row_too_long_is_named() -> None:
    row = '{"new":"' + "a" * 5_000_000 + '"}'
    with pytest.raises(CorruptReport, match="row 2 is longer than 4,194,304 bytes") as caught:
        rows_of(packed('[{"clicks":1},{"clicks":2},' + row + "]"))
    assert (caught.value.row, caught.value.field) == (2, None)


# -- through the whole call ---------------------------------------------------------------


def test_a_misfit_is_not_asked_for_again(box: Box, store: ReportCache) -> None:
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
def test_damage_is_fetched_again_through_a_download_then_a_report_then_is_an_error(
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
