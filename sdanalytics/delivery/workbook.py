"""A workbook that XlsxWriter writes row by row, closed whichever way writing ends."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from typing import Any

from sdanalytics._core.temp_folders import PREFIX, mark_in_use, remove_abandoned_folders
from sdanalytics.errors import MissingDependency


def import_xlsxwriter() -> Any:
    """Return the package; raise `MissingDependency` where it is not installed."""
    try:
        import xlsxwriter
    except ImportError as error:
        raise MissingDependency.for_module("xlsxwriter", "to_excel") from error
    return xlsxwriter


@contextlib.contextmanager
def open_workbook(file: str) -> Iterator[Any]:
    """Yield a workbook, which is written to a file when the block ends.

    Rows go to temporary files at once, so that few of them are in memory; they must be written in
    order.
    """
    xlsxwriter = import_xlsxwriter()
    with _open_scratch_folder() as folder:
        options = {"constant_memory": True, "tmpdir": folder}
        book = xlsxwriter.Workbook(file, options)
        try:
            yield book
            book.close()
        except xlsxwriter.exceptions.FileCreateError as error:
            _close_row_files(book)
            (cause,) = error.args  # what the system said
            raise cause from None
        except BaseException:
            _close_row_files(book)
            raise


@contextlib.contextmanager
def _open_scratch_folder() -> Iterator[str]:
    """Yield a temporary folder that does not outlast the process."""
    remove_abandoned_folders()
    scratch = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
    with scratch as folder, mark_in_use(folder):
        yield folder


def _close_row_files(book: Any) -> None:
    """Close the temporary files of a workbook that is given up."""
    for sheet in book.worksheets():
        with contextlib.suppress(OSError):  # what is left to write has no room, either
            sheet.row_data_fh.close()
