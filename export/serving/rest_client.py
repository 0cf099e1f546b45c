"""A client of TensorFlow Serving's REST protocol."""

from __future__ import annotations

import base64
import json
import queue
import threading
import time
from typing import Any
from urllib.parse import quote

import requests

from egnet_tf.errors import InputError
from egnet_tf.trial import one_line

from .answer import MESSAGE_BYTES, check_request, checked_answer

_TRY_AGAIN = (429, 502, 503, 504)  # Busy or starting; the request may be right.
_MOST_BYTES = MESSAGE_BYTES * 4 // 3 + 2**20
"""Of an answer: an image in base64, and the JSON around it."""

_PART = 2**16


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
        timeout: of all attempts together, in seconds, until the last byte is there.
        retries: further attempts when the server cannot be reached or is busy; the
            pauses between them double, from half a second.

    Returns:
        The restored image as a PNG file.

    Raises:
        InputError: the server cannot be reached or refuses the request, or its answer
            is not an image, too large or too late.
    """
    check_request(image)
    version = f"/labels/{quote(label, safe='')}" if label else ""
    model = quote(model, safe="")
    address = f"{server.rstrip('/')}/v1/models/{model}{version}:predict"
    instance = {"image_bytes": {"b64": base64.b64encode(image).decode()}}
    request = {"signature_name": "deblur_bytes", "instances": [instance]}
    deadline = time.monotonic() + timeout
    for attempt in range(retries + 1):
        status, body = 0, b""
        failure = f"no answer in {timeout:g} seconds"
        try:
            status, body = _post(address, request, deadline)
        except (requests.ConnectionError, requests.Timeout) as error:
            if deadline > time.monotonic():
                failure = _reason(error)
        except (requests.RequestException, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"Expected an answer from {address}. Received: {one_line(error)}"
            ) from error
        pause = 0.5 * 2**attempt
        last = attempt == retries or time.monotonic() + pause > deadline
        if status in _TRY_AGAIN or status == 0:
            if not last:
                time.sleep(pause)
                continue
            if status == 0:
                raise InputError(
                    f"Expected an answer from {address}. Received: {failure}"
                )
        break
    answer = _parsed(body)
    if status != requests.codes.ok:
        said = answer.get("error") if isinstance(answer, dict) else None
        text = " ".join(str(said or body[:200].decode(errors="replace")).split())[:500]
        raise InputError(
            f"Expected {address} to take the image. Received: {status} {text}"
        )
    try:
        (restored,) = answer["predictions"]
        # The name of a signature's only output is left out.
        restored = base64.b64decode(restored["b64"], validate=True)
    except (ValueError, KeyError, TypeError) as error:
        text = " ".join(body[:100].decode(errors="replace").split())
        raise InputError(
            f"Expected one base64 prediction from {address}. Received: {text}"
        ) from error
    return checked_answer(restored, address)


def _post(address: str, request: dict, deadline: float) -> tuple[int, bytes]:
    """Status and content of an answer that is there before the deadline.

    A server that sends a byte now and then is never silent, so a thread waits for it,
    which ends at the next byte after the deadline.
    """
    results: queue.Queue[Any] = queue.Queue()

    def exchange() -> None:
        try:
            results.put(_exchange(address, request, deadline))
        except BaseException as error:
            results.put(error)

    threading.Thread(target=exchange, daemon=True).start()
    try:
        result = results.get(timeout=max(deadline - time.monotonic(), 0))
    except queue.Empty:
        raise requests.Timeout from None
    if isinstance(result, BaseException):
        raise result
    return result


def _exchange(address: str, request: dict, deadline: float) -> tuple[int, bytes]:
    left = max(deadline - time.monotonic(), 0.001)
    with requests.post(
        address, json=request, timeout=left, stream=True, allow_redirects=False
    ) as answer:
        body = bytearray()
        for part in answer.iter_content(_PART):
            body += part
            if len(body) > _MOST_BYTES:
                raise InputError(
                    f"Expected an answer of at most {_MOST_BYTES:,} bytes from "
                    f"{address}. Received: more"
                )
            if time.monotonic() > deadline:
                raise requests.Timeout
        return answer.status_code, bytes(body)


def _reason(error: BaseException) -> str:
    """The system's words at the bottom of a connection error."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        inner = inner.__cause__ or inner.__context__
    return one_line(error)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
