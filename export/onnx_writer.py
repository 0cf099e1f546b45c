"""Writes ONNX files: images of any size, or tiles of one size."""

from __future__ import annotations

import logging
from pathlib import Path

import onnx
import tf2onnx

from egnet_tf.cli.quiet_tensorflow import muted_stderr
from egnet_tf.inference import memory_estimate
from egnet_tf.inference.runners.onnx import BYTES_PER_PIXEL

from .checks.checked_export import Export, image_description, write_checked
from .checks.parity import Tolerance
from .checks.source import Source
from .graphs.any_size import any_size_graph
from .graphs.tile import tile_graph

TOLERANCE = Tolerance(1e-4, 0.001)
OPSET = 17
_DIMENSIONS = ("batch", "height", "width")


def write_onnx(source: Source, folder: Path, tile: int | None = None) -> Export:
    """Writes `<model>.onnx`, or `<model>_<tile>.onnx`.

    The first takes any size and batch size, and pads and crops inside; the second takes
    tiles of one side in pixels, of which the source then has images, at batch size 1.

    Raises:
        InputError: see `write_checked`.
    """
    graph = any_size_graph(source) if tile is None else tile_graph(source, tile)
    (image,), (restored,) = graph.inputs, graph.outputs
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with muted_stderr():
        model, _ = tf2onnx.convert.from_graph_def(
            graph.graph.as_graph_def(),
            input_names=[image.name],
            output_names=[restored.name],
            opset=OPSET,
            tensors_to_rename={image.name: "image", restored.name: "restored"},
        )
    if tile is None:
        for tensor in (*model.graph.input, *model.graph.output):
            sides = tensor.type.tensor_type.shape.dim
            for side, name in zip(sides[:3], _DIMENSIONS, strict=True):
                side.dim_param = name
            sides[3].dim_value = 3
        onnx.helper.set_model_props(
            model, {BYTES_PER_PIXEL: f"{memory_estimate.bytes_per_pixel(graph):.0f}"}
        )
    onnx.checker.check_model(model, full_check=True)
    name = source.name if tile is None else f"{source.name}_{tile}"
    dimensions = _DIMENSIONS if tile is None else (1, tile, tile)
    tensor = image_description(*dimensions)
    return write_checked(
        folder / f"{name}.onnx",
        "ONNX" if tile is None else f"ONNX {tile}x{tile}",
        lambda path: onnx.save(model, str(path)),
        source,
        TOLERANCE,
        {
            "opset": OPSET,
            "inputs": {"image": tensor},
            "outputs": {"restored": tensor},
            **({} if tile is None else {"tile": tile}),
        },
    )
