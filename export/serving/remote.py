"""Restores images on a server, in the place of a `Restorer`."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from egnet_tf.errors import InputError
from egnet_tf.images.convert import from_float, to_float, to_uint8
from egnet_tf.images.read import Photo, decode_photo
from egnet_tf.images.write import encode_photo
from egnet_tf.inference.restorer import Plan
from egnet_tf.inference.strength import blend

_log = logging.getLogger(__name__)


class RemoteRestorer:
    """Sends each image as a PNG file and takes the restored one back.

    Args:
        deblur: sends the bytes of a PNG file and returns those of the answer.
    """

    def __init__(self, deblur: Callable[[bytes], bytes]):
        self._deblur = deblur
        self._warned = False

    def plan(self, height: int, width: int, sample_bytes: int = 1) -> Plan:
        """An image is sent whole: the server knows what it pads and refuses."""
        return Plan((height, width), 0, 1, 1)

    def __call__(
        self,
        images: np.ndarray,
        *,
        strength: float = 1.0,
        out: np.ndarray | None = None,
        on_tile: Callable[[int, int], None] | None = None,
    ) -> np.ndarray:
        """Restores images as `Restorer` does, with 8 bits a channel.

        Args:
            images: RGB (B, H, W, 3), uint8 or uint16.
            strength: how much of the restoration is kept; blended here.
            out: where to write, of their shape and type; it may be `images` itself.
            on_tile: called after each image with how many are done and how many there
                are.

        Raises:
            InputError: the server does not restore an image, or its answer is none of
                the same size.
        """
        result = np.empty_like(images) if out is None else out
        if images.dtype != np.uint8 and not self._warned:
            self._warned = True
            _log.warning("the server restores 8 bits of the 16 a channel")
        for number, image in enumerate(images):
            levels = image if image.dtype == np.uint8 else to_uint8(to_float(image))
            restored = self._restored(levels)
            if images.dtype != np.uint8:
                restored = from_float(to_float(restored), images.dtype)
            blend(image, restored, strength, result[number])
            if on_tile is not None:
                on_tile(number + 1, len(images))
        return result

    def _restored(self, image: np.ndarray) -> np.ndarray:
        answer = self._deblur(encode_photo(Photo(image), "sent.png"))
        height, width = image.shape[:2]
        pixels = decode_photo(answer, "the server's answer", height * width).pixels
        if (pixels.shape, pixels.dtype) != (image.shape, np.uint8):
            raise InputError(
                f"Expected a restored image of {width} x {height} pixels and 8 bits. "
                f"Received: {pixels.shape[1]} x {pixels.shape[0]}, {pixels.dtype}"
            )
        return pixels
