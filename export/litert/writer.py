"""Writes LiteRT files: one tile of fixed size in, the restored tile out."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from egnet_tf.errors import InputError

from ..checks.accelerator import check_on_gpu
from ..checks.checked_export import Export, image_description, write_checked
from ..checks.half_precision import float16_note
from ..checks.source import Source
from ..graphs.tile import tile_graph
from .convert import TileConverter
from .inspect import read_contents
from .modes import CALIBRATED, TOLERANCES


class LiteRTWriter:
    """Writes the files of one model.

    Args:
        source: the model, with images of the tile's size.
        folder: for the files.
        tile: side of the tile in pixels.
        crops: uint8 images (tile, tile, 3) for the `CALIBRATED` modes.
        crops_from: where they come from, for the JSON files.
        gpu: see `wanted` of `check_on_gpu`.

    Raises:
        InputError: the network does not take such a tile.
    """

    def __init__(
        self,
        source: Source,
        folder: Path,
        tile: int,
        crops: Sequence[np.ndarray] = (),
        crops_from: str = "",
        gpu: str = "auto",
    ):
        self._gpu = gpu
        self._source, self._folder, self._tile = source, folder, tile
        self._crops, self._crops_from = crops, crops_from
        self._converter = TileConverter(tile_graph(source, tile))

    def write(self, mode: str, *, uint8: bool = False) -> Export:
        """Writes `<model>_<mode>.tflite`, or `<model>_<mode>_uint8.tflite`.

        With `uint8`, for int8 alone, input and output are bytes; those of int8_full
        always are.

        Raises:
            InputError: bytes in another mode, a calibrated mode without crops, or see
                `write_checked`.
        """
        if uint8 and mode != "int8":
            raise InputError(f"Expected mode int8 for bytes. Received: {mode}")
        calibration = {}
        if mode in CALIBRATED:
            if not self._crops:
                raise InputError(f"Expected crops for mode {mode}. Received: none")
            calibration["calibration"] = {
                "photographs": self._crops_from,
                "crops": len(self._crops),
                "side": self._tile,
            }
        content = self._converter.convert(mode, self._crops, uint8)
        contents = read_contents(content)
        tensor = image_description(
            1,
            self._tile,
            self._tile,
            "uint8" if uint8 or mode == "int8_full" else "float32",
        )
        suffix = f"{mode}_uint8" if uint8 else mode
        return write_checked(
            self._folder / f"{self._source.name}_{suffix}.tflite",
            f"tflite {suffix}",
            lambda path: path.write_bytes(content),
            self._source,
            TOLERANCES[mode],
            {
                "mode": mode,
                "tile": self._tile,
                "inputs": {"image": tensor},
                "outputs": {"restored": tensor},
                "operators": dict(contents.operators.most_common()),
                **calibration,
            },
            further=lambda path: {
                **self._in_float16(mode),
                "gpu": check_on_gpu(
                    path,
                    f"{mode} of {self._source.name}",
                    self._source.pairs,
                    self._gpu,
                ),
            },
        )

    def _in_float16(self, mode: str) -> dict[str, Any]:
        """For the JSON files of the modes that GPUs compute in float16."""
        on_gpu = mode in ("float32", "float16")
        if not on_gpu or self._source.branches != ("whole",):
            return {}
        return {"float16_arithmetic": self._float16_note}

    @functools.cached_property
    def _float16_note(self) -> dict[str, Any]:
        return float16_note(self._source)
