"""Which of several workers this process is; needs no TensorFlow."""

from __future__ import annotations

import json
import os

from egnet_tf.errors import InputError


def environment_index() -> int:
    """The index of this process among the workers that TF_CONFIG names.

    Raises:
        InputError: TF_CONFIG is missing or unreadable.
    """
    received = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(received)
        workers = config["cluster"]["worker"]
        index = int(config["task"]["index"])
        if not 0 <= index < len(workers):
            raise ValueError("no such worker")
    except (ValueError, KeyError, TypeError):
        raise InputError(
            "Expected for --strategy=multi_worker the variable TF_CONFIG, "
            '{"cluster": {"worker": ["host:port", ...]}, '
            '"task": {"type": "worker", "index": 0}}, with the index of this process. '
            f"Received: {received or 'none'}"
        ) from None
    return index
