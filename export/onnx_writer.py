"""Writes ONNX files: images of any size, or tiles of one size."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

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
HALF_TOLERANCE = Tolerance(1e-2, 0.01)
"""Of float16: what LiteRT float16 may lose, but single values further away, because
activations are rounded, too, and not the weights alone."""
OPSET = 17
_DIMENSIONS = ("batch", "height", "width")


@dataclasses.dataclass(frozen=True)
class Form:
    """In which form a network is written.

    Attributes:
        tile: side of the one size that the file takes, at batch size 1; None for any
            size and batch size, padded and cropped inside.
        layout: of `image` and `restored`: "nhwc" (TensorFlow, image files) or "nchw"
            (TensorRT, PyTorch).
        half: weights and arithmetic are float16, of a tile; `image` and `restored` stay
            float32.
    """

    tile: int | None = None
    layout: str = "nhwc"
    half: bool = False

    @property
    def suffix(self) -> str:
        """What the name of the file ends in: "", "_256", "_256_nchw_half"."""
        nchw = "nchw" if self.layout == "nchw" else ""
        parts = (str(self.tile or ""), nchw, "half" if self.half else "")
        return "".join(f"_{part}" for part in parts if part)


def write_onnx(source: Source, folder: Path, form: Form) -> Export:
    """Writes `<model><suffix of the form>.onnx`.

    Of a tile, the source has images of that size.

    Raises:
        InputError: see `write_checked`.
    """
    tile = form.tile
    graph = any_size_graph(source) if tile is None else tile_graph(source, tile)
    model = _converted(graph, nchw=form.layout == "nchw")
    dimensions = _DIMENSIONS if tile is None else (1, tile, tile)
    if tile is None:
        for tensor in (*model.graph.input, *model.graph.output):
            _name_dimensions(tensor, form.layout)
        onnx.helper.set_model_props(
            model, {BYTES_PER_PIXEL: f"{memory_estimate.bytes_per_pixel(graph):.0f}"}
        )
    if form.half:
        model = _half(model)
    onnx.checker.check_model(model, full_check=True)
    tensor = image_description(*dimensions, layout=form.layout.upper())
    return write_checked(
        folder / f"{source.name}{form.suffix}.onnx",
        " ".join(["ONNX", *form.suffix.split("_")[1:]]),
        lambda path: onnx.save(model, str(path)),
        source,
        HALF_TOLERANCE if form.half else TOLERANCE,
        {
            "opset": OPSET,
            "inputs": {"image": tensor},
            "outputs": {"restored": tensor},
            "arithmetic": "float16" if form.half else "float32",
            **({} if tile is None else {"tile": tile}),
        },
    )


def _converted(graph: Any, *, nchw: bool) -> onnx.ModelProto:
    (image,), (restored,) = graph.inputs, graph.outputs
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with muted_stderr():
        model, _ = tf2onnx.convert.from_graph_def(
            graph.graph.as_graph_def(),
            input_names=[image.name],
            output_names=[restored.name],
            opset=OPSET,
            # ONNX convolves NCHW, so that this takes transpositions away.
            inputs_as_nchw=[image.name] if nchw else None,
            outputs_as_nchw=[restored.name] if nchw else None,
            tensors_to_rename={image.name: "image", restored.name: "restored"},
        )
    return model


def _name_dimensions(tensor: onnx.ValueInfoProto, layout: str) -> None:
    names = dict(zip("nhw", _DIMENSIONS, strict=True))
    for side, axis in zip(tensor.type.tensor_type.shape.dim, layout, strict=True):
        if axis == "c":
            side.dim_value = 3
        else:
            side.dim_param = names[axis]


def _half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Turns float32 weights and arithmetic into float16, all but input and output."""
    # onnxruntime's own tools, which it does not import by itself.
    from onnxruntime.transformers import float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    half = OnnxModel(float16.convert_float_to_float16(model, keep_io_types=True))
    half.topological_sort()  # The casts of the input were put at the end.
    return half.model
