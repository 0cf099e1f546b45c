"""The signatures of a SavedModel: images as floats, or as the bytes of image files.

A wrong request gets an error that says what was expected, and the server keeps running.
Sizes are read from the header of an image file before anything is decoded, so that a
small file that would decode to a huge image costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from .graphs.frozen import SIGNATURE

BYTES_SIGNATURE = "deblur_bytes"

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_SIZE_AT = 16  # Width and height follow, 4 bytes each, big-endian.
_HEAD = _PNG_SIZE_AT + 8
_JPEG = b"\xff\xd8\xff"


def serving_signatures(
    restore: tf.types.experimental.ConcreteFunction, max_pixels: int
) -> dict[str, Callable]:
    """Makes the signatures of a SavedModel.

        serving_default  image float32 (B, H, W, 3) in [0, 1] -> restored, likewise
        deblur_bytes     image_bytes string (B,): JPEG or PNG files of any sizes
                         -> restored_bytes string (B,): PNG files

    Names that end in "_bytes" are base64 in the REST protocol of TensorFlow Serving.

    Args:
        restore: [restored] of an image of any size, see `export.graphs.frozen.frozen`.
        max_pixels: a request with more pixels (B * H * W of `image`, or H * W of one
            image file) is refused.
    """

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), name="image")])
    def serving_default(image):
        count = tf.size(image, tf.int64) // 3
        sizes_fit = tf.debugging.Assert(
            (count > 0) & (count <= max_pixels),
            [f"Expected 1 to {max_pixels} pixels. Received:", tf.shape(image)],
            summarize=4,
        )
        with tf.control_dependencies([sizes_fit]):
            lowest, highest = tf.reduce_min(image), tf.reduce_max(image)
            # Comparisons with NaN are false, so that it is refused as well.
            in_range = tf.debugging.Assert(
                (lowest >= 0) & (highest <= 1),
                ["Expected numbers in [0, 1]. Received:", lowest, "to", highest],
            )
        with tf.control_dependencies([in_range]):
            (restored,) = restore(tf.identity(image))
        return {"restored": restored}

    def restored_file(encoded):
        with tf.control_dependencies([_assert_takes(encoded, max_pixels)]):
            encoded = tf.identity(encoded)
        decoded = tf.io.decode_image(encoded, channels=3, expand_animations=False)
        (restored,) = restore(tf.cast(decoded, tf.float32)[None] / 255.0)
        levels = tf.cast(tf.round(255.0 * restored[0]), tf.uint8)
        return tf.io.encode_png(levels)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, "image_bytes")])
    def deblur_bytes(image_bytes):
        restored = tf.map_fn(
            restored_file,
            image_bytes,
            parallel_iterations=1,
            fn_output_signature=tf.string,
        )
        return {"restored_bytes": restored}

    return {SIGNATURE: serving_default, BYTES_SIGNATURE: deblur_bytes}


def _assert_takes(encoded: tf.Tensor, max_pixels: int) -> tf.Operation:
    """Asserts that a file is a JPEG or PNG of an accepted size."""
    # Padded with zeros, for files that are shorter than a header.
    head = tf.strings.substr(tf.strings.join([encoded, bytes(_HEAD)]), 0, _HEAD)
    is_png = tf.strings.substr(head, 0, len(_PNG)) == _PNG
    is_jpeg = tf.strings.substr(head, 0, len(_JPEG)) == _JPEG
    is_image = tf.debugging.Assert(
        is_png | is_jpeg,
        [
            "Expected a JPEG or PNG file. Received: other data, bytes:",
            tf.strings.length(encoded),
        ],
    )
    with tf.control_dependencies([is_image]):
        sides = tf.cond(
            is_png,
            lambda: tf.io.decode_raw(
                tf.strings.substr(head, _PNG_SIZE_AT, 8), tf.int32, little_endian=False
            ),
            lambda: tf.io.extract_jpeg_shape(encoded)[:2],
        )
    sides = tf.cast(tf.reshape(sides, [2]), tf.int64)
    pixels = tf.reduce_prod(sides)
    return tf.debugging.Assert(
        tf.reduce_all(sides > 0) & (pixels <= max_pixels),
        [f"Expected an image of 1 to {max_pixels} pixels. Received:", pixels],
    )
