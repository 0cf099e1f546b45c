"""The table of several exports, those that were refused named below it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from egnet_tf.cli.table import show
from egnet_tf.errors import InputError

from .checked_export import Export


class Row(NamedTuple):
    """One export; columns beyond the size are those of `Parity`."""

    file: str
    kind: str
    megabytes: float
    largest_difference: float
    psnr_to_keras: float
    psnr: float
    ssim: float
    db_lost: float


def write_all(writers: Iterable[Callable[[], Export]], csv: Path | None = None) -> None:
    """Writes exports one after the other and prints a table of them.

    Raises:
        InputError: some were refused; the others are written.
    """
    rows, refused = [], []
    for write in writers:
        try:
            rows.append(_row(write()))
        except InputError as error:
            refused.append(str(error))
    if rows:
        show(rows, csv)
    if refused:
        raise InputError("; ".join(refused))


def _row(export: Export) -> Row:
    # SavedModel folders are named by version.
    parts = 2 if export.path.is_dir() else 1
    return Row(
        "/".join(export.path.parts[-parts:]),
        export.kind,
        export.size / 1e6,
        *(getattr(export.parity, name) for name in Row._fields[3:]),
    )
