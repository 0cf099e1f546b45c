"""What the clients of both protocols ask of an answer."""

from __future__ import annotations

from egnet_tf.errors import InputError

MESSAGE_BYTES = 256 * 2**20
"""The largest request and the largest answer. gRPC's own limit of 4 MB is less than the
PNG file of an image of 2 megapixels may take."""

_PNG = b"\x89PNG\r\n\x1a\n"


def check_request(image: bytes) -> None:
    """Checks that an image file is not too large to be sent.

    Raises:
        InputError: it is.
    """
    if len(image) > MESSAGE_BYTES:
        raise InputError(
            f"Expected an image file of at most {MESSAGE_BYTES:,} bytes to send. "
            f"Received: {len(image):,}"
        )


def checked_answer(restored: bytes, server: str) -> bytes:
    """Returns the answer, which must begin as a PNG file does.

    Raises:
        InputError: it does not.
    """
    if not restored.startswith(_PNG):
        raise InputError(
            f"Expected a PNG file from {server}. Received: {len(restored):,} bytes of "
            "something else"
        )
    return restored
