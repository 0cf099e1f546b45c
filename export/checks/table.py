"""Exports as rows of a table."""

from __future__ import annotations

from typing import NamedTuple

from export.checks.checked_export import Export


class Row(NamedTuple):
    """One export; the columns are those of docs/export.md.

    Attributes:
        file: its name.
        kind: such as "tflite int8".
        megabytes: of all its files.
        largest_difference: from Keras, of a value in [0, 1].
        psnr_to_keras: of the file's images against those of Keras, in dB.
        psnr: against the sharp photographs, in dB.
        ssim: likewise.
        db_lost: PSNR of Keras - PSNR of the file.
    """

    file: str
    kind: str
    megabytes: float
    largest_difference: float
    psnr_to_keras: float
    psnr: float
    ssim: float
    db_lost: float


def row(export: Export) -> Row:
    """The row of an export."""
    parity = export.parity
    return Row(
        # The folder of a SavedModel is called by its number.
        "/".join(export.path.parts[-2:]) if export.path.is_dir() else export.path.name,
        export.kind,
        export.size / 1e6,
        parity.largest_difference,
        parity.psnr_to_keras,
        parity.psnr,
        parity.ssim,
        parity.db_lost,
    )
