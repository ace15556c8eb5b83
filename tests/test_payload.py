"""From the bytes to the frame: exact, or an error that names the place."""

from __future__ import annotations

import contextlib
import gzip
import json
import uuid
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sdanalytics import CorruptReport, ReportCache, SDAnalyticsError, fetch_report, sandbox
from sdanalytics.metrics import CATALOGUE, Kind
from sdanalytics.payload import read_payload
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
    Kind.ID: INT64 | INT64.map(str),
    Kind.COUNT: INT64,
    Kind.MONEY: NUMBERS,
    Kind.RATIO: NUMBERS,
    Kind.TEXT: TEXT,
    Kind.CATEGORY: TEXT,
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
        service.fill_with(lambda report: sent)
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


def test_a_byte_order_mark_and_white_space_are_no_damage() -> None:
    payload = packed(b'\xef\xbb\xbf \n[ {"clicks": 1} ]\n')
    assert [row["clicks"] for row in rows_of(payload)] == [1]


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


# -- through the whole call ---------------------------------------------------------------


def test_a_misfit_is_not_asked_for_again(box: Box, store: ReportCache) -> None:
    box.sandbox.fill_with(lambda report: [{"campaignId": 1, "clicks": 5.7}])
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

    answer = sandbox.Answer(200, damaged)
    box.sandbox.arrange("storage", answer)
    frame = fetch()
    assert len(frame) > 0
    assert (box.sandbox.count("request_report"), box.sandbox.count("download_report")) == (1, 2)

    store.remove("campaigns", box.day(1))
    box.sandbox.arrange("storage", answer, answer)
    pd.testing.assert_frame_equal(fetch(), frame)
    assert (box.sandbox.count("request_report"), box.sandbox.count("download_report")) == (3, 5)

    store.remove("campaigns", box.day(1))
    box.sandbox.fill_with(lambda report: damaged)
    with pytest.raises(CorruptReport) as caught:
        fetch()
    assert caught.value.row is None
    assert isinstance(caught.value, SDAnalyticsError)
    assert (box.sandbox.count("request_report"), box.sandbox.count("download_report")) == (5, 9)
    assert store.entries().empty
