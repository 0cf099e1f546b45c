"""On which devices a model restores: "all", or numbers such as "0,2"."""

from __future__ import annotations

import re

from egnet_tf.errors import InputError


def parse_devices(devices: str) -> tuple[int, ...] | None:
    """Returns the numbers of the devices, or None for all.

    Raises:
        InputError: it is neither "all" nor different numbers.
    """
    if devices == "all":
        return None
    words = devices.split(",")
    sound = all(re.fullmatch(r"\d{1,4}", word, re.ASCII) for word in words)
    numbers = tuple(map(int, words)) if sound else ()
    if not sound or len(set(numbers)) < len(numbers):
        raise InputError(
            "Expected all, or different numbers of devices such as 0,1. "
            f"Received: {devices!r:.60}"
        )
    return numbers
