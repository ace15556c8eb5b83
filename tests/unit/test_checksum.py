"""The checksum of a table: of its values, however they are laid out."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

from sdanalytics.store.checksum import table_checksum


def _odd_table() -> pa.Table:
    """Return a table of values that are easily confused in files and chunks."""
    return pa.table(
        {
            "a": pa.array([0, None, 2**62, -1, 7], pa.int64()),
            "b": pa.array([0.0, -0.0, None, float("nan"), 0.1], pa.float64()),
            "c": pa.array(["", None, "ab", "c", "夏 \U0001f6d2"], pa.string()),
        }
    )


def test_a_checksum_depends_on_values_only() -> None:
    table = _odd_table()
    whole = table_checksum(table)
    assert table_checksum(pa.concat_tables([table.slice(0, 2), table.slice(2)])) == whole
    rubbish = [
        pa.Array.from_buffers(
            column.type, len(column), [column.chunk(0).buffers()[0], *values], column.null_count
        )
        for column, values in (
            (table["a"], [pa.array([0, 99, 2**62, -1, 7]).buffers()[1]]),
            (table["b"], [pa.array([0.0, -0.0, 99.0, float("nan"), 0.1]).buffers()[1]]),
            (table["c"], pa.array(["", "rubbish", "ab", "c", "夏 \U0001f6d2"]).buffers()[1:]),
        )
    ]
    assert table_checksum(pa.table(rubbish, names=table.column_names)) == whole
    for options in ({"use_dictionary": False}, {"data_page_version": "2.0"}, {"version": "1.0"}):
        file = io.BytesIO()
        pq.write_table(table, file, **options)
        assert table_checksum(pq.read_table(file)) == whole
    assert table_checksum(table.slice(0, 0)) == table_checksum(table.schema.empty_table())


def test_different_values_have_different_checksums() -> None:
    table = _odd_table()
    others = [
        table.set_column(0, "a", pa.array([None, 0, 2**62, -1, 7], pa.int64())),
        table.set_column(0, "a", pa.array([0, None, 2**62 + 1, -1, 7], pa.int64())),
        table.set_column(1, "b", pa.array([-0.0, 0.0, None, float("nan"), 0.1])),
        table.set_column(1, "b", pa.array([0.0, -0.0, None, None, 0.1])),
        table.set_column(2, "c", pa.array(["", None, "a", "bc", "夏 \U0001f6d2"])),
        table.set_column(2, "c", pa.array([None, "", "ab", "c", "夏 \U0001f6d2"])),
        table.rename_columns(["a", "b", "d"]),
        table.select(["b", "a", "c"]),
        table.slice(0, 4),
        pa.table({"a": table["a"].fill_null(0), "b": table["b"], "c": table["c"]}),
        table.set_column(0, "a", pa.array([0.0, None, 2.0**62, -1, 7])),
    ]
    assert len({table_checksum(candidate) for candidate in (table, *others)}) == len(others) + 1
