"""CSV payloads: read strictly, and refused where they are anything else."""

from __future__ import annotations

import csv
import gzip
import io
from typing import Any

import pytest

from sdanalytics.errors import CorruptReport
from sdanalytics.model.metrics import ColumnKind
from sdanalytics.parsing.csv_payload import read_csv_payload

KINDS = {
    "campaign.id": ColumnKind.ID,
    "campaign.name": ColumnKind.TEXT,
    "metric.clicks": ColumnKind.COUNT,
    "metric.totalCost": ColumnKind.MONEY,
}
HEADER = '"campaign.id","campaign.name","metric.clicks","metric.totalCost"\n'


def read(text: str | bytes, **options: object) -> dict[str, list[object]]:
    payload = text.encode() if isinstance(text, str) else text
    table: Any = read_csv_payload(payload, KINDS, **options)  # type: ignore[arg-type]
    columns: dict[str, list[object]] = table.to_pydict()
    return columns


def test_cells_have_the_types_of_their_fields_whatever_the_order_of_columns() -> None:
    text = (
        '\ufeff"metric.totalCost","more","campaign.name","campaign.id","metric.clicks"\r\n'
        '"12.5","x","a ""b"", c\nd","9223372036854775807","3"\r\n'
    )
    assert read(text) == {
        "campaign.id": [9223372036854775807],
        "campaign.name": ['a "b", c\nd'],
        "metric.clicks": [3],
        "metric.totalCost": [12.5],
    }
    assert read(gzip.compress(text.encode())) == read(text)


def test_missing_values_are_empty_or_null_but_for_a_name_in_quotes() -> None:
    rows = '"1","","",""\n"2",null,null,null\n"3","null","null","null"\n"4","0","0","0"\n'
    assert read(HEADER + rows) == {
        "campaign.id": [1, 2, 3, 4],
        "campaign.name": [None, None, "null", "0"],
        "metric.clicks": [None, None, None, 0],
        "metric.totalCost": [None, None, None, 0.0],
    }


def test_whole_counts_may_be_written_as_decimals() -> None:
    rows = '"1","a","3.0","1e2"\n"2","b","-4","-0.5"\n'
    assert read(HEADER + rows)["metric.clicks"] == [3, -4]
    assert read(HEADER + rows)["metric.totalCost"] == [100.0, -0.5]


@pytest.mark.parametrize(
    ("cells", "field"),
    [
        ('"9223372036854775808","a","1","1"', "campaign.id"),
        ('"1.0","a","1","1"', "campaign.id"),
        ('"0x1F","a","1","1"', "campaign.id"),
        ('"1","a","1.5","1"', "metric.clicks"),
        ('"1","a","many","1"', "metric.clicks"),
        ('"1","a","1","12.5%"', "metric.totalCost"),
        ('"1","a","1","nan"', "metric.totalCost"),
        ('"1","a","1","inf"', "metric.totalCost"),
        ('"1","a","1","1e999"', "metric.totalCost"),
        ('"1","a","1"," 5"', "metric.totalCost"),
        ('"","a","1","1"', "campaign.id"),
        ("", "campaign.id"),
    ],
)
def test_a_value_that_does_not_fit_its_field_is_named(cells: str, field: str) -> None:
    good = '"1","a","1","1"\n'
    with pytest.raises(CorruptReport, match=field) as caught:
        read(HEADER + good * 2 + cells + "\n" + good, required=["campaign.id"])
    assert (caught.value.row, caught.value.field) == (2, field)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "must be CSV with a header of the fields requested, got nothing"),
        (b'[{"campaign.id": "1"}]', r"must be CSV .* got '\[\{"),
        (gzip.compress(b"[]", mtime=0), "must be CSV"),
        (b"<html><body>Sign in</body></html>", "an HTML page: 'Sign in'"),
        (b"PK\x03\x04", "a ZIP file"),
        (HEADER.encode("utf-16"), "UTF-16"),
        (b'"campaign.id","metric.clicks"\n"1","2"\n', "lacks the field 'campaign.name'"),
        (HEADER.encode().replace(b"name", b"id"), "repeats the field 'campaign.id'"),
        (HEADER.encode() + b'"1","a","1"\n', "damaged: Expected 4 columns, got 3"),
        (HEADER.encode() + b'"1","a","1","1', "a quote is not closed"),
        (HEADER.encode() + b'"1","\xff","1","1"\n', "damaged: it is not UTF-8"),
        (HEADER.encode() + b'"1","\0","1","1"\n', "damaged: line 2 has a zero byte"),
        (HEADER.encode() + b'"1","a","1","12".\n', "line 2 has a quote within a cell"),
        (HEADER.encode() + b'"1","a","1","1"\n""708","a","1","1"\n', "line 3 has a quote"),
        (HEADER.encode() + b'1,a"b,1,1\n', "line 2 has a quote within a cell"),
        (gzip.compress(HEADER.encode() * 9, mtime=0)[:-9], "the payload is damaged"),
    ],
)
def test_a_payload_that_is_no_whole_csv_is_refused(payload: bytes, message: str) -> None:
    with pytest.raises(CorruptReport, match=message) as caught:
        read(payload)
    assert caught.value.row is None


@pytest.mark.parametrize("cell", [b'"12".', b'""7"', b"\xff", b"\0"])
def test_damage_in_a_field_that_was_not_asked_for_is_noticed(cell: bytes) -> None:
    header = HEADER.encode().replace(b"\n", b',"more"\n')
    good = header + b'"1","a","1","1","x"\n'
    assert read(good)["metric.clicks"] == [1]
    with pytest.raises(CorruptReport, match="damaged"):
        read(good + b'"2","b","1","1",' + cell + b"\n")


def read_by_the_letter(text: str) -> list[list[str | None]] | None:
    """Return the cells of each row, None where they are missing; None if it is no CSV."""
    try:
        _, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    except csv.Error:
        return None
    return [[cell or None for cell in row or [""] * len(KINDS)] for row in rows]


def test_no_byte_can_change_so_that_a_cell_becomes_what_nobody_wrote() -> None:
    kinds = dict.fromkeys(KINDS, ColumnKind.TEXT)
    rows = '"7,0","a ""b""","","12.5"\r\n81,"c\nd",5,6\n"9","ü","1","2"\n'
    payload = (HEADER + rows).encode()
    accepted = refused = 0
    for position in range(len(HEADER), len(payload)):
        for byte in b'",\n\r.5\0\xc3':
            damaged = bytearray(payload)
            damaged[position] = byte
            try:
                table = read_csv_payload(bytes(damaged), kinds)
            except CorruptReport:
                refused += 1
                continue
            accepted += 1
            cells = [list(row.values()) for row in table.to_pylist()]
            assert cells == read_by_the_letter(damaged.decode()), (position, byte)
    assert accepted > 50
    assert refused > 100


def test_quotes_are_followed_over_the_blocks_of_a_large_text() -> None:
    rows = "".join(f'"{number}","a ""{number}"", b","1","2"\n' for number in range(300_000))
    assert read(HEADER + rows)["campaign.id"][-1] == 299_999
    damaged = rows[:-3] + '".\n'
    with pytest.raises(CorruptReport, match=r"line 300,001 has a quote within a cell"):
        read(HEADER + damaged)


def test_a_report_without_rows_is_its_header() -> None:
    assert read(HEADER)["metric.clicks"] == []
    assert read(HEADER.rstrip())["campaign.id"] == []


def test_a_payload_that_holds_too_much_is_refused() -> None:
    text = HEADER + '"1","a","1","1"\n' * 10_000
    for payload in (text.encode(), gzip.compress(text.encode())):
        with pytest.raises(CorruptReport, match="hold more than 10,000 once unpacked"):
            read(payload, max_bytes=10_000)
