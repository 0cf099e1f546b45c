"""A network as a graph of operations and constants, from which every format is made.

Keras 3 keeps its variables where the LiteRT converter does not find them, so they
become constants here, once, before any converter sees the network. Such a graph needs
no Keras where it is loaded, and nothing in it can be trained by mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

SIGNATURE = "serving_default"
"""Name of the signature `image` -> `restored` of every SavedModel and .tflite file."""


def frozen(restore: Callable[[tf.Tensor], tf.Tensor], image: tf.TensorSpec) -> Any:
    """Traces a function of an image once and turns its variables into constants.

    Sides of the image that are None stay open.

    Returns:
        A `ConcreteFunction` (whose public type lacks `inputs` and `graph`) of the image
        that returns [restored].
    """
    spec = tf.TensorSpec(image.shape, image.dtype, name="image")
    function = tf.function(restore, input_signature=[spec], autograph=False)
    # Loops stay functions: the converters of LiteRT and ONNX have more trouble with the
    # older form of control flow, to which they would be lowered.
    return convert_variables_to_constants_v2(
        function.get_concrete_function(), lower_control_flow=False
    )


def write_saved_model(folder: Path, signatures: Mapping[str, Callable]) -> None:
    """Writes a SavedModel without variables.

    The signatures are tf.functions with an input signature that return dicts.
    """
    module = tf.Module()
    # Tracked, or the constants inside would not be found when the folder is loaded.
    module.functions = dict(signatures)  # pyright: ignore[reportAttributeAccessIssue]
    # Nothing in it is trained, so that custom gradients are left out.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(folder), dict(signatures), options)


def image_signature(function: Any) -> Callable:
    """Makes the signature `image` -> {"restored"} of what `frozen` returned."""
    (image,) = function.inputs

    @tf.function(input_signature=[tf.TensorSpec(image.shape, image.dtype, "image")])
    def restore(image):
        (restored,) = function(image)
        return {"restored": restored}

    return restore
