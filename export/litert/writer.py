"""Writes LiteRT files: one tile of fixed size in, the restored tile out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from egnet_tf.errors import InputError
from export.checks.checked_export import Export, Source, write_checked
from export.graphs.tile import tile_model
from export.litert.convert import TileConverter
from export.litert.inspect import read_contents
from export.litert.modes import CALIBRATED, TOLERANCES


class LiteRTWriter:
    """Writes files of one model, in as many modes as wanted.

    Args:
        source: the model; its photographs are of the tile's size.
        folder: for the files.
        tile: side of the tile in pixels.

    Raises:
        InputError: a tile that the network does not take.
    """

    def __init__(self, source: Source, folder: Path, tile: int):
        self._source, self._folder, self._tile = source, folder, tile
        self._converter = TileConverter(
            tile_model(source.loaded, source.branches, tile)
        )

    def write(
        self,
        mode: str,
        *,
        crops: np.ndarray | None = None,
        crops_from: str = "",
        uint8: bool = False,
    ) -> Export:
        """Writes `<model>_<mode>.tflite`, or `<model>_<mode>_uint8.tflite`.

        Args:
            mode: a key of `TOLERANCES`.
            crops: uint8 (N, tile, tile, 3) photographs, for a `CALIBRATED` mode.
            crops_from: where they come from, for the description.
            uint8: input and output are bytes; for int8.

        Raises:
            InputError: bytes in another mode; or see `write_checked`.
        """
        if uint8 and mode != "int8":
            raise InputError(f"Expected mode int8 for bytes. Received: {mode}")
        content = self._converter.convert(mode, crops, uint8)
        suffix = f"{mode}_uint8" if uint8 else mode
        description = self._description(content, uint8)
        if mode in CALIBRATED:
            description["calibration"] = {
                "photographs": crops_from,
                "crops": len(crops),
                "side": self._tile,
            }
        return write_checked(
            self._folder / f"{self._source.name}_{suffix}.tflite",
            f"tflite {suffix}",
            lambda path: path.write_bytes(content),
            self._source,
            TOLERANCES[mode],
            {"mode": mode, **description},
        )

    def _description(self, content: bytes, uint8: bool) -> dict:
        tensor = {
            "shape": [1, self._tile, self._tile, 3],
            "layout": "NHWC",
            "colours": "RGB, sRGB encoding",
            "dtype": "uint8" if uint8 else "float32",
            "range": [0, 255] if uint8 else [0, 1],
        }
        contents = read_contents(content)
        return {
            "tile": self._tile,
            "inputs": {"image": tensor},
            "outputs": {"restored": tensor},
            "operators": dict(contents.operators.most_common()),
            "not_on_gpu_delegate": list(contents.not_on_gpu),
        }
