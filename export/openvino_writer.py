"""Writes OpenVINO models: images of any size, or tiles of one size."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from egnet_tf.cli.quiet_tensorflow import muted_stderr
from egnet_tf.images.convert import to_float
from egnet_tf.inference import memory_estimate
from egnet_tf.inference.resolve import OPENVINO_MODEL
from egnet_tf.inference.runners.openvino import BYTES_PER_PIXEL

from .checks.checked_export import Export, image_description, write_checked
from .checks.parity import Tolerance
from .checks.source import Source
from .graphs.any_size import any_size_graph
from .graphs.tile import tile_graph

TOLERANCE = Tolerance(1e-2, 0.01)
"""Of weights in float16, those of the stems too: see `export.litert.convert`."""


INT8_TOLERANCE = Tolerance(math.inf, 0.1)


def write_openvino(
    source: Source,
    folder: Path,
    tile: int | None = None,
    crops: Sequence[np.ndarray] = (),
) -> Export:
    """Writes the folder `<model>[_<tile>][_int8]_openvino`.

    Without a tile, the model takes any size and batch size, and pads and crops inside.

    Args:
        source: what is exported, with images of the tile's size.
        folder: to write the folder to.
        tile: side of the one size in pixels that the model takes, at batch size 1.
        crops: uint8 (tile, tile, 3). With some, weights and arithmetic are int8, by
            NNCF; else the weights are float16 and the arithmetic is float32.

    Raises:
        InputError: see `write_checked`.
    """
    graph = any_size_graph(source) if tile is None else tile_graph(source, tile)
    words = ([] if tile is None else [str(tile)]) + (["int8"] if crops else [])
    image = image_description(None if tile is None else 1, tile, tile)

    def write(path: Path) -> None:
        path.mkdir()
        _save(graph, path / OPENVINO_MODEL, crops, any_size=tile is None)

    return write_checked(
        folder / "_".join([source.name, *words, "openvino"]),
        " ".join(["OpenVINO", *words]),
        write,
        source,
        INT8_TOLERANCE if crops else TOLERANCE,
        {
            "inputs": {"image": image},
            "outputs": {"restored": image},
            **({} if tile is None else {"tile": tile}),
            **({"calibration": {"crops": len(crops)}} if crops else {}),
        },
        main_file=OPENVINO_MODEL,
    )


def _save(
    graph: Any, path: Path, crops: Sequence[np.ndarray], *, any_size: bool
) -> None:
    # OpenVINO's own reader of TensorFlow graphs: `openvino.convert_model`, which wraps
    # it, reports its use to the vendor.
    with tempfile.TemporaryDirectory() as folder:
        frozen = Path(folder, "graph.pb")
        frozen.write_bytes(graph.graph.as_graph_def().SerializeToString())
        model = openvino.Core().read_model(frozen)
        if crops:
            model = _quantised(model, crops)
        (image,), (restored,) = model.inputs, model.outputs
        image.get_tensor().set_names({"image"})
        restored.get_tensor().set_names({"restored"})
        if any_size:
            needed = f"{memory_estimate.bytes_per_pixel(graph):.0f}"
            model.set_rt_info(needed, list(BYTES_PER_PIXEL))
        openvino.save_model(model, path, compress_to_fp16=True)


def _quantised(model: Any, crops: Sequence[np.ndarray]) -> Any:
    # By it, NNCF does not report its use to the vendor.
    os.environ.setdefault("NNCF_CI", "1")
    import nncf

    logging.getLogger("nncf").setLevel(logging.ERROR)
    # Its bars of progress.
    with contextlib.redirect_stdout(io.StringIO()), muted_stderr():
        return nncf.quantize(
            model,
            nncf.Dataset([to_float(crop)[None] for crop in crops]),
            subset_size=len(crops),
            preset=nncf.QuantizationPreset.MIXED,
            # The fast one lost 0.22 dB where this lost 0.06.
            fast_bias_correction=False,
            ignored_scope=nncf.IgnoredScope(
                names=_exact_nodes(model),
                # Of the gradient map, which has three channels.
                types=["Abs", "Divide", "ReduceMax", "Subtract"],
                validate=False,
            ),
        )


def _exact_nodes(model: Any) -> list[str]:
    """Names of the stems and of the sum of image and residual, as in LiteRT's int8.

    OpenVINO renames convolutions. The stems are those of three channels.
    """
    names = [
        node.get_friendly_name()
        for node in model.get_ordered_ops()
        if node.get_type_name() == "Convolution"
        and node.input_value(1).get_partial_shape()[1].get_length() == 3
    ]
    node = model.get_results()[0]
    while node.get_type_name() != "Add":
        node = node.input_value(0).get_node()
    return [*names, node.get_friendly_name()]
