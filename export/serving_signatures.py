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
_SCAN = b"\xff\xda"
_MOST_SCANS = 100
"""Of a JPEG file. Encoders write about 10; a file of a megabyte could hold 100,000."""


def serving_signatures(
    restore: tf.types.experimental.ConcreteFunction, max_pixels: int, multiple: int
) -> dict[str, Callable]:
    """Makes the signatures of a SavedModel.

        serving_default  image float32 (B, H, W, 3) in [0, 1] -> restored, likewise
        deblur_bytes     image_bytes string (B,): JPEG or PNG files of any sizes
                         -> restored_bytes string (B,): PNG files

    Names that end in "_bytes" are base64 in the REST protocol of TensorFlow Serving.

    Args:
        restore: [restored] of an image of any size, see `export.graphs.frozen.frozen`.
        max_pixels: a request is refused if `restore` would compute more pixels for it:
            those of all its images, padded to multiples of `multiple`. A thin image
            takes the memory and the time of a square of its padded size.
        multiple: what `restore` pads height and width to.
    """

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), name="image")])
    def serving_default(image):
        shape = tf.shape(image, tf.int64)
        pixels = shape[0] * _padded_pixels(shape[1:3], multiple)
        sizes_fit = tf.debugging.Assert(
            (tf.size(image) > 0) & (pixels <= max_pixels),
            [f"Expected 1 to {max_pixels} pixels, padded. Received:", shape],
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
        decoded = tf.io.decode_image(encoded, channels=3, expand_animations=False)
        (restored,) = restore(tf.cast(decoded, tf.float32)[None] / 255.0)
        levels = tf.cast(tf.round(255.0 * restored[0]), tf.uint8)
        return tf.io.encode_png(levels)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, "image_bytes")])
    def deblur_bytes(image_bytes):
        # Before the first one is decoded.
        pixels = tf.reduce_sum(
            tf.map_fn(
                lambda encoded: _padded_pixels(_sides(encoded, max_pixels), multiple),
                image_bytes,
                fn_output_signature=tf.int64,
            )
        )
        sizes_fit = tf.debugging.Assert(
            (pixels > 0) & (pixels <= max_pixels),
            [f"Expected images of 1 to {max_pixels} pixels, padded. Received:", pixels],
        )
        with tf.control_dependencies([sizes_fit]):
            image_bytes = tf.identity(image_bytes)
        restored = tf.map_fn(
            restored_file,
            image_bytes,
            parallel_iterations=1,
            fn_output_signature=tf.string,
        )
        return {"restored_bytes": restored}

    return {SIGNATURE: serving_default, BYTES_SIGNATURE: deblur_bytes}


def _padded_pixels(sides: tf.Tensor, multiple: int) -> tf.Tensor:
    """Height times width, both int64, rounded up to multiples."""
    return tf.reduce_prod((sides + multiple - 1) // multiple * multiple)


def _sides(encoded: tf.Tensor, max_pixels: int) -> tf.Tensor:
    """The two sides of a JPEG or PNG file in pixels, int64, from its header.

    Anything else is refused, and sides whose product might overflow.
    """
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
    # A progressive JPEG decodes its whole image once for each of its scans.
    scans = tf.size(tf.strings.split(encoded, _SCAN)) - 1
    few_scans = tf.debugging.Assert(
        is_png | (scans <= _MOST_SCANS),
        [f"Expected a JPEG file of at most {_MOST_SCANS} scans. Received:", scans],
    )
    with tf.control_dependencies([is_image, few_scans]):
        sides = tf.cond(
            is_png,
            lambda: tf.io.decode_raw(
                tf.strings.substr(head, _PNG_SIZE_AT, 8), tf.int32, little_endian=False
            ),
            lambda: tf.io.extract_jpeg_shape(encoded)[:2],
        )
    sides = tf.cast(tf.reshape(sides, [2]), tf.int64)
    in_range = tf.debugging.Assert(
        tf.reduce_all((sides > 0) & (sides <= max_pixels)),
        [f"Expected an image of 1 to {max_pixels} pixels. Received:", sides],
    )
    with tf.control_dependencies([in_range]):
        return tf.identity(sides)
