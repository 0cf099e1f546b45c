"""What the clients raise."""

from __future__ import annotations

from egnet_tf.errors import InputError


class ServerError(InputError):
    """The server cannot be reached, refuses the request, or answers something else."""
