"""A client of TensorFlow Serving's REST protocol."""

from __future__ import annotations

import base64

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from egnet_tf.errors import InputError

_TRY_AGAIN = (429, 502, 503, 504)  # Busy or starting; the request may be right.


def deblur(
    image: bytes,
    server: str,
    model: str,
    label: str = "",
    timeout: float = 60.0,
    retries: int = 3,
) -> bytes:
    """Restores an image file by POST <server>/v1/models/<model>:predict.

    Args:
        image: a JPEG or PNG file.
        server: such as "http://localhost:8501".
        model: its name on the server.
        label: of the version, such as "stable"; empty for the newest.
        timeout: of a connection and between two parts of an answer, in seconds.
        retries: further attempts when the server cannot be reached or is busy; the
            pauses between them double, from half a second.

    Returns:
        The restored image as a PNG file.

    Raises:
        InputError: the server cannot be reached or refuses the request, or its answer
            is not an image.
    """
    version = f"/labels/{label}" if label else ""
    address = f"{server.rstrip('/')}/v1/models/{model}{version}:predict"
    policy = Retry(
        total=retries,
        backoff_factor=0.5,
        status_forcelist=_TRY_AGAIN,
        allowed_methods=None,  # Also POST, because restoring twice does no harm.
        raise_on_status=False,
    )
    instance = {"image_bytes": {"b64": base64.b64encode(image).decode()}}
    request = {"signature_name": "deblur_bytes", "instances": [instance]}
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=policy))
        try:
            answer = session.post(address, json=request, timeout=timeout)
        except requests.RequestException as error:
            raise InputError(
                f"Expected an answer from {address}. Received: {error}"
            ) from error
    if not answer.ok:
        raise InputError(
            f"Expected {address} to take the image. Received: "
            f"{answer.status_code} {_message(answer)}"
        )
    try:
        (restored,) = answer.json()["predictions"]
        # The name of a signature's only output is left out.
        return base64.b64decode(restored["b64"], validate=True)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"Expected one base64 prediction from {address}. Received: "
            f"{answer.text[:100]}"
        ) from error


def _message(answer: requests.Response) -> str:
    try:
        return str(answer.json()["error"])[:500]
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]
