import csv
from typing import NamedTuple

import pytest

from egnet_tf.cli.table import aligned, markdown, write_csv


class Row(NamedTuple):
    some_name: str
    count: int
    seconds: float


ROWS = [Row("a", 20127073, 0.123456), Row("longer", 7, 12345.678)]


def test_table_columns_align_with_their_titles():
    assert aligned(ROWS).splitlines() == [
        "some name       count  seconds",
        "a          20,127,073   0.1235",
        "longer              7   12,346",
    ]


def test_markdown_and_csv_tables_hold_the_same_cells(tmp_path):
    rows = [
        {"row": "a", "GoPro PSNR": None},
        {"row": "b", "GoPro PSNR": "31.00 (1 of 2)"},
    ]
    assert markdown(rows).splitlines() == [
        "| row | GoPro PSNR |",
        "| --- | ---: |",
        "| a | – |",  # noqa: RUF001
        "| b | 31.00 (1 of 2) |",
    ]
    write_csv(tmp_path / "new" / "rows.csv", rows)
    text = (tmp_path / "new" / "rows.csv").read_text()
    assert text == "row,GoPro PSNR\na,\nb,31.00 (1 of 2)\n"


def test_table_file_keeps_all_digits(tmp_path):
    write_csv(tmp_path / "rows.csv", ROWS)
    with open(tmp_path / "rows.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["seconds"]) for row in rows] == [0.123456, 12345.678]
    assert list(tmp_path.iterdir()) == [tmp_path / "rows.csv"]


def test_failed_table_write_leaves_nothing(tmp_path):
    class Unwritable:
        def __str__(self):
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_csv(tmp_path / "rows.csv", [Row(Unwritable(), 1, 2.0)])
    assert not list(tmp_path.iterdir())
