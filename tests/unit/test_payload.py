"""Parsing payloads: exact values, or an error that names the position."""

from __future__ import annotations

import contextlib
import gzip
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sdanalytics import CorruptReport, ReportCache
from sdanalytics.model.campaign_list import NO_CAMPAIGNS
from sdanalytics.model.category_words import spell_word
from sdanalytics.model.identity import required_columns
from sdanalytics.model.metrics import CATALOGUE, ColumnKind, identity_columns
from sdanalytics.model.partition import Partition
from sdanalytics.parsing.payload import read_payload
from sdanalytics.store.cache import internal_store
from tests.support.rows import frame_rows
from tests.support.samples import NOW, SOURCE, US, day, store_payload

COLUMNS = ("campaignId", "campaignName", "costType", "clicks", "cost", "vtr")
ONE_PROCESS = 1 << 40
"""More bytes of text than a payload declares: no worker process reads it, however damaged."""


def packed(text: str | bytes) -> bytes:
    return gzip.compress(text.encode() if isinstance(text, str) else text, 1)


def parsed_rows(payload: bytes, columns: tuple[str, ...] = COLUMNS) -> list[dict[str, Any]]:
    table = read_payload(payload, columns, parallel_threshold=ONE_PROCESS)
    rows: list[dict[str, Any]] = table.to_pylist()
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


@pytest.mark.filterwarnings("ignore:rows of .* are alike:sdanalytics.DataWarning")
@given(sent=rows())
@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_rows_are_kept_exactly_through_cache_and_frame(
    sent: list[dict[str, Any]], tmp_path: Path
) -> None:
    folder = tmp_path / uuid.uuid4().hex
    key = Partition(SOURCE, str(US), "campaigns", None, "T00020", day(1))
    store = ReportCache(folder)
    store_payload(store, key, packed(json.dumps(sent)), COLUMNS)
    listed = NO_CAMPAIGNS.updated([], NOW)  # or reading would warn that there is no list
    internal_store(store).metadata.store_campaign_list(key.profile, listed)
    for reader in (store, ReportCache(folder)):
        frame = reader.read("campaigns", day(1), metrics=COLUMNS)
        shown = frame_rows(frame.drop(columns=["date", "tactic"]))
        wanted = expected(sent)
        for row in wanted:
            row["costType"] = row["costType"] and spell_word("costType", row["costType"])
        assert sorted(map(repr, shown)) == sorted(map(repr, wanted))


# -- invalid values are rejected, never changed ------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("clicks", "5.7"),
        ("clicks", "1e-1"),
        ("clicks", "1e300"),
        ("clicks", "1e999"),
        ("clicks", "9007199254740992.0"),
        ("clicks", "-9.1E15"),
        ("clicks", "true"),
        ("clicks", '"5"'),
        ("clicks", "9223372036854775808"),
        ("clicks", "NaN"),
        ("clicks", '"5.0"'),
        ("campaignId", "9007199254740993.0"),
        ("campaignId", "5.0"),
        ("campaignId", "1.23e17"),
        ("campaignId", '"1.23E+17"'),
        ("campaignId", '"123.0"'),
        ("campaignId", '" 123 "'),
        ("campaignId", '"+1"'),
        ("campaignId", '""'),
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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5.0", 5),
        ("-0.0", 0),
        ("4.1E1", 41),
        ("1e00005", 100_000),
        ("1.2345678E7", 12_345_678),
        ("1E15", 10**15),
        ("9007199254740991.0", 2**53 - 1),
        ("-9007199254740991.0", 1 - 2**53),
        ("9007199254740993", 2**53 + 1),
    ],
)
@pytest.mark.parametrize("before", [0, 30_000])
def test_a_whole_count_is_that_count_however_it_is_written(
    text: str, value: int, before: int
) -> None:
    rows = ",".join(['{"clicks":7}'] * before + [f'{{"clicks":{text}}}', "{}", '{"clicks":null}'])
    clicks = read_payload(packed(f"[{rows}]"), ("clicks",)).column("clicks")
    assert clicks.type == pa.int64()
    assert clicks.slice(before).to_pylist() == [value, None, None]
    assert clicks.slice(0, before).unique().to_pylist() == [7] * bool(before)


# -- rows without identity ----------------------------------------------------------------

IDENTITY = {
    "campaigns": (),
    "adGroups": (),
    "productAds": (),
    "targets": (),
    "asins": ("otherAsin",),
    "campaigns+matchedTarget": ("matchedTarget",),
    "targets+matchedTarget": ("matchedTarget",),
}
"""The identity columns of reports that may be missing."""


@pytest.mark.parametrize("report", IDENTITY)
@pytest.mark.parametrize("missing", ["null", "absent"])
@pytest.mark.parametrize("before", [0, 3, 30_000])
def test_a_row_without_its_identity_is_named(report: str, missing: str, before: int) -> None:
    record_type, _, segment = report.partition("+")
    columns = identity_columns(record_type, segment or None)
    required = required_columns(record_type, segment or None)
    assert set(columns) - set(required) == set(IDENTITY[report])
    whole: dict[str, Any] = dict.fromkeys(columns, "1")
    for name in columns:
        row = whole | {name: None}
        if missing == "absent":
            del row[name]
        payload = packed(json.dumps([whole] * before + [row, whole]))
        if name in IDENTITY[report]:
            rows = read_payload(payload, columns, required=required)
            assert rows.column(name)[before].as_py() is None
            continue
        with pytest.raises(CorruptReport, match=f"field '{name}' of row {before} ") as caught:
            read_payload(payload, columns, required=required)
        assert (caught.value.field, caught.value.row) == (name, before)


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ('[{"code":"INTERNAL_ERROR","details":"Please try again later"}]', 0),
        ('[{"id":5,"spend":12.5}]', 0),
        ('[{"campaignId":1},{},{"campaignId":2}]', 1),
        ('[{"campaignId":1},{"campaignId":2},{"campaignId":null,"campaignName":"Total"}]', 2),
        ('[{"CAMPAIGNID":1,"CLICKS":5}]', 0),
        ('[{"campaignid":1,"clicks":5}]', 0),
    ],
)
def test_rows_of_something_else_are_refused(text: str, row: int) -> None:
    with pytest.raises(CorruptReport) as caught:
        read_payload(packed(text), COLUMNS, required=["campaignId"])
    assert (caught.value.field, caught.value.row) == ("campaignId", row)


def test_an_empty_text_identifies_no_row() -> None:
    columns = identity_columns("asins")
    text = '[{"campaignId":1,"adGroupId":2,"asin":"","otherAsin":"B"}]'
    with pytest.raises(CorruptReport, match="'asin' of row 0"):
        read_payload(packed(text), columns, required=required_columns("asins"))


@pytest.mark.parametrize("row", ["null", "3", '"x"', "[1]"])
def test_an_element_that_is_not_a_row_is_named(row: str) -> None:
    with pytest.raises(CorruptReport, match="row 1") as caught:
        parsed_rows(packed(f'[{{"clicks":1}},{row},{{"clicks":2}}]'))
    assert (caught.value.row, caught.value.field) == (1, None)


# -- what is no gzip, or no report ---------------------------------------------------------

ROWS = '[{"campaignId":1,"clicks":2},{"campaignId":2,"clicks":3}]'
PAGE = b"""<!DOCTYPE html><html><head><title>Access denied</title><style>b {}</style></head>
<body><p>Your request was <b>blocked</b> by the proxy</p></body></html>"""


@pytest.mark.parametrize("mark", ["", "\ufeff", " \r\n\t"])
def test_plain_json_is_read(mark: str) -> None:
    text = (mark + ROWS).encode()
    assert parsed_rows(text) == parsed_rows(packed(text))
    repeated = [{"campaignId": n, "clicks": n % 5} for n in range(60_000)]
    table = read_payload(json.dumps(repeated).encode(), ("campaignId", "clicks"))
    assert table.to_pylist() == repeated
    with pytest.raises(CorruptReport, match="largest_report="):
        read_payload(text, COLUMNS, max_bytes=len(text) - 1)
    with pytest.raises(CorruptReport):
        parsed_rows(text[:-1])


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"", "got nothing"),
        (b" \n ", "got nothing"),
        (PAGE, "an HTML page: 'Access denied Your request was blocked by the proxy'"),
        (b"<html></html>", "an HTML page without words"),
        (b'<?xml version="1.0"?><Error><Code>SlowDown</Code></Error>', "XML: 'SlowDown'"),
        (b'{"message":"Too Many Requests"}', 'a JSON object: \'{"message":"Too Many Requests"}\''),
        (b'{"campaignId":1}\n{"campaignId":2}\n', "JSON objects, one a line"),
        (b"null", "'null'"),
        (b"Service Unavailable " * 400, "'Service Unavailable Service"),
        (ROWS.encode("utf-16"), "text in UTF-16 instead of UTF-8"),
        (ROWS.encode("utf-16-le"), "text in UTF-16 instead of UTF-8"),
        (ROWS.encode("utf-16-be"), "text in UTF-16 instead of UTF-8"),
        (ROWS.encode("utf-32"), "text in UTF-32 instead of UTF-8"),
        (b"PK\x03\x04rest", "a ZIP file"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, packed], ids=["plain", "gzip"])
def test_a_body_that_is_no_report_is_named(
    body: bytes, name: str, pack: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(CorruptReport) as caught:
        parsed_rows(pack(body))
    assert name in str(caught.value)
    assert caught.value.row is None
    assert len(str(caught.value)) < 400


def test_gzip_within_gzip_is_named() -> None:
    with pytest.raises(CorruptReport, match="gzip within gzip"):
        parsed_rows(packed(packed(ROWS)))


def test_what_came_is_quoted_without_secrets() -> None:
    with pytest.raises(CorruptReport) as caught:
        parsed_rows(b'{"token":"Atza|secret","url":"https://s3.example/x?X-Amz-Signature=secret"}')
    assert "secret" not in str(caught.value)


# -- damage ------------------------------------------------------------------------------

WHOLE = packed('[{"campaignId":1,"clicks":2},{"campaignId":2,"clicks":3}]')


@pytest.mark.parametrize(
    "payload",
    {
        "empty": b"",
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
