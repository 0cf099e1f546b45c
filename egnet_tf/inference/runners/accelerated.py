"""Runs a .tflite file on a GPU or an NPU: LiteRT's CompiledModel, in another process.

A driver that crashes or hangs then ends that process and not this one, and what LiteRT
and drivers print stays away from the user. Drivers differ, and some compute wrongly
without an error, so that an accelerator is trusted only if it agrees with the CPU on a
probe.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from egnet_tf.errors import InputError
from egnet_tf.inference.runners.base import Accelerator, warn_of_cpu
from egnet_tf.inference.runners.litert import LiteRTRunner, litert_version
from egnet_tf.trial import one_line

_SECONDS = 120.0
"""How long an answer may take; compiling kernels for a GPU takes seconds."""

_MISSING = {
    "gpu": "No adapters found",
    "npu": "No compiler plugin found|NPU accelerator could not be loaded",
}
"""What LiteRT prints where there is none."""

_LARGEST_ERROR = 0.25
"""Of the root mean square by which a correct accelerator may differ from the CPU, as a
part of that by which the network changes the probe. An int8 file on SwiftShader's GPU
reaches 0.08, a driver for which the network does nothing at all, 1."""

_SMALLEST_ERROR = 2 / 255
"""What is always allowed, for an image that the network changes by next to nothing. An
int8 file reaches 0.0038 in a photo."""

_LARGEST_DIFFERENCE = 0.1
"""Of a single value; an int8 file reaches 0.03 in a photo. Some drivers are wrong at
borders only."""

_CODE = """
import sys
sys.path[:] = [sys.argv[1], *filter(None, sys.path)]  # Not the working folder.
from egnet_tf.inference.runners import accelerated
accelerated._serve(*sys.argv[2:])
"""


class AcceleratorError(Exception):
    """An accelerator cannot be used; the message is one line that says why.

    Attributes:
        operators: why it does not take an operator, by the operator's name; empty
            if that is not the reason.
    """

    def __init__(self, message: str, operators: dict[str, str] | None = None):
        super().__init__(message)
        self.operators = operators or {}


class NoAcceleratorError(AcceleratorError):
    """There is no such accelerator, or LiteRT cannot talk to it."""


class AcceleratorProcess:
    """A process that runs a .tflite file wholly on an accelerator.

    Attributes:
        adapter: what LiteRT says of the GPU, such as "SwiftShader Device (Subzero),
            arch=swiftshader, ..., adapterType=CPU / Software"; "" for an NPU.

    Raises:
        AcceleratorError: there is no such accelerator, or it does not take the whole
            file.
    """

    def __init__(self, path: str | os.PathLike[str], accelerator: Accelerator):
        self._lock = threading.Lock()
        if not sys.executable:  # Python inside another program.
            raise AcceleratorError("Python cannot start another process here")
        words = [str(Path(__file__).parents[3]), os.fspath(path), accelerator]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CODE, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        # Where this process is killed, the other one ends as its input does.
        self.close = weakref.finalize(self, _end, self._process)
        try:
            answer = json.loads(self._answer(lambda pipe: pipe.readline()))
        except ValueError:
            raise self._failed() from None
        if answer["refused"]:
            self.close()
            kind = NoAcceleratorError if answer["missing"] else AcceleratorError
            raise kind(one_line(Exception(answer["refused"])), answer["operators"])
        self.adapter: str = answer["adapter"]

    def __call__(self, tensor: np.ndarray) -> np.ndarray:
        """Runs the file on its one input; the output has the same shape and type.

        Raises:
            AcceleratorError: the accelerator failed. It is not to be called again.
        """
        with self._lock:
            pipe = self._process.stdin
            try:
                assert pipe is not None
                pipe.write(tensor.tobytes())
                pipe.flush()
            except (OSError, ValueError):
                raise self._failed() from None
            content = self._answer(lambda pipe: pipe.read(tensor.nbytes))
            if len(content) < tensor.nbytes:
                raise self._failed()
        return np.frombuffer(content, tensor.dtype).reshape(tensor.shape)

    def _answer(self, read: Callable[[Any], bytes]) -> bytes:
        """Reads from the other process, which is killed if it does not answer."""
        timer = threading.Timer(_SECONDS, self._process.kill)
        timer.start()
        try:
            return read(self._process.stdout)
        finally:
            timer.cancel()

    def _failed(self) -> AcceleratorError:
        self.close()
        code = self._process.returncode
        how = f"exit code {code}"
        if code and code < 0:
            how = signal.Signals(-code).name
        return AcceleratorError(f"the process that uses it ended ({how})")


class AcceleratedRunner(LiteRTRunner):
    """A `LiteRTRunner` on a GPU or an NPU, and on the CPU once that has failed.

    Raises:
        InputError: see `LiteRTRunner`.
        AcceleratorError: the accelerator cannot be used, or differs from the CPU on
            `probe`.

    Attributes:
        adapter: see `AcceleratorProcess`.
        times_cpu: how long a tile takes, in times of the CPU's.
    """

    def __init__(self, path: str | os.PathLike[str], accelerator: Accelerator):
        super().__init__(path)
        self._accelerator = accelerator
        self._process: AcceleratorProcess | None = AcceleratorProcess(path, accelerator)
        self.adapter = self._process.adapter
        image = self._quantised(probe(self.tile))
        self._process(image)  # Compiles what was not compiled yet.
        start = time.perf_counter()
        received = self._dequantised(self._process(image))
        between = time.perf_counter()
        expected = self._dequantised(super()._run(image))
        self.times_cpu = (between - start) / (time.perf_counter() - between)
        if why := disagreement(probe(self.tile), expected, received):
            self._process.close()
            raise AcceleratorError(why)

    @property
    def device(self) -> str:
        """What it runs on and by which library."""
        if self._process is None:
            return super().device
        kind = self._accelerator.upper()
        if match := re.match(r"(.+), arch=.*backend=(\w+)", self.adapter):
            in_software = ", in software" if self.in_software else ""
            kind += f" ({match[1]}, {match[2]}{in_software})"
        return f"{kind}, {litert_version()}"

    @property
    def in_software(self) -> bool:
        """Whether the "GPU" is a program on the CPU."""
        return "adapterType=CPU" in self.adapter

    def _run(self, tensor: np.ndarray) -> np.ndarray:
        if self._process is not None:
            try:
                return self._process(tensor)
            except AcceleratorError as error:
                # Graphics memory runs out and drivers restart.
                warn_of_cpu(self._path, self._accelerator, error)
                self._process = None
        return super()._run(tensor)


def open_litert(path: str | os.PathLike[str], accelerator: Accelerator) -> LiteRTRunner:
    """Opens a .tflite file on an accelerator, or on the CPU.

    With "gpu" or "npu", a warning says why it is the CPU after all. With "auto" it is
    a GPU if there is one in hardware that is correct and faster.

    Raises:
        InputError: see `LiteRTRunner`.
    """
    if accelerator == "cpu" or (accelerator == "auto" and not may_have_gpu()):
        return LiteRTRunner(path)
    try:
        runner = AcceleratedRunner(
            path, "gpu" if accelerator == "auto" else accelerator
        )
    except AcceleratorError as error:
        if accelerator != "auto":
            warn_of_cpu(path, accelerator, error)
        return LiteRTRunner(path)
    if accelerator == "auto" and (runner.in_software or runner.times_cpu > 1):
        return LiteRTRunner(path)
    return runner


def probe(tile: int) -> np.ndarray:
    """A test image that gives a network work: stripes under horizontal motion blur.

    Sharp edges would not do: a network that deblurs leaves them as they are, and so
    would a driver that computes nothing. The page and the app use the same image.

    Returns:
        float32 (1, tile, tile, 3) in [0.1, 0.9].
    """
    y, x, channel = np.indices((tile, tile, 3))
    place = (x + 5 * channel + 7 * (y // 8)) % 32
    # A square wave of 32 pixels, averaged over 11.
    image = 0.1 + 0.8 * np.clip(0.5 + (np.abs(place - 16) - 8) / 11, 0, 1)
    return image[None].astype(np.float32)


def disagreement(image: np.ndarray, cpu: np.ndarray, accelerator: np.ndarray) -> str:
    """Says in what an accelerator is wrong, if it is.

    Args:
        image: float32 in [0, 1], blurry.
        cpu: the same, restored by the CPU.
        accelerator: the same, restored by the accelerator.

    Returns:
        The difference with the limit; "" if it is within.
    """

    def rms(values: np.ndarray) -> float:
        return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))

    error, largest = rms(accelerator - cpu), float(np.abs(accelerator - cpu).max())
    allowed = max(_LARGEST_ERROR * rms(cpu - image), _SMALLEST_ERROR)
    # Not `>`: a NaN must not pass.
    if not error <= allowed:
        return (
            f"it differs from the CPU by {error:.2g} (root mean square), more than "
            f"{allowed:.2g}"
        )
    if not largest <= _LARGEST_DIFFERENCE:
        return (
            f"a value differs from the CPU's by {largest:.2g}, more than "
            f"{_LARGEST_DIFFERENCE:g}"
        )
    return ""


def may_have_gpu() -> bool:
    """Whether it is worth asking the drivers, which takes a second."""
    if sys.platform != "linux":
        return True
    # Vulkan's loader takes drivers from there too, such as ones in software.
    if os.environ.get("VK_DRIVER_FILES") or os.environ.get("VK_ICD_FILENAMES"):
        return True
    devices = Path("/dev")
    return any(
        next(devices.glob(name), None)
        for name in ("dri/renderD*", "nvidia[0-9]*", "dxg", "kgsl-3d0", "mali*")
    )


def _end(process: subprocess.Popen) -> None:
    """Ends the other process, which does so by itself when its input ends."""
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):  # It has ended already.
            if pipe is not None:
                pipe.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _serve(path: str, accelerator: Accelerator) -> None:
    """The other process: answers in JSON what it opened, then runs tensors as bytes."""
    # Ctrl-C is for the process that reads the answers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    run, refused = None, ""
    # The name of the adapter and the operators that it refuses are only printed.
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            run = _compile(path, accelerator)
        except Exception as error:  # Whatever LiteRT meets first.
            refused = one_line(error)
        os.dup2(nowhere, 2)
        file.seek(0)
        log = file.read().decode(errors="replace")
    adapter = re.search(r"Selected adapter: (.+)", log)
    answer = {
        "refused": _reason(log, refused, accelerator) if refused else "",
        "missing": run is None and bool(re.search(_MISSING[accelerator], log)),
        "operators": _refused_operators(log),
        "adapter": adapter[1].strip() if adapter else "",
    }
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()
    if run is None:
        return
    while restored := run(sys.stdin.buffer):
        answers.write(restored)
        answers.flush()


def _compile(path: str, accelerator: Accelerator) -> Callable[[Any], bytes]:
    """Returns a function that reads a tensor from a stream and returns the result.

    It returns nothing where the stream ends.
    """
    from ai_edge_litert.compiled_model import CompiledModel, HardwareAccelerator

    model = CompiledModel.from_file(
        path, hardware_accel=HardwareAccelerator[accelerator.upper()]
    )
    if not model.is_fully_accelerated():
        raise InputError("it does not run the whole file")
    (signature,) = model.get_signature_list()
    (image,) = model.get_input_tensor_details(signature).values()
    given = model.create_input_buffer_by_name(signature, "image")
    result = model.create_output_buffer_by_name(signature, "restored")
    dtype, count = np.dtype(image["dtype"]), int(np.prod(image["shape"]))

    def run(stream: Any) -> bytes:
        content = stream.read(count * dtype.itemsize)
        if len(content) < count * dtype.itemsize:
            return b""
        given.write(np.frombuffer(content, dtype))
        model.run_by_name(signature, {"image": given}, {"restored": result})
        return result.read(count, dtype).tobytes()

    return run


def _refused_operators(log: str) -> dict[str, str]:
    """Why an accelerator does not take some operators, as LiteRT prints it."""
    _, found, rest = log.partition("operations are not supported by GPU delegate:\n")
    operators: dict[str, str] = {}
    for line in rest.splitlines() if found else ():
        match = re.match(r"([A-Z0-9_]+): ([^.]+)", line)
        if match is None:
            break
        operators.setdefault(match[1], match[2])
    return operators


def _reason(log: str, error: str, accelerator: Accelerator) -> str:
    """The line of LiteRT's log that explains an error, which itself says little."""
    if operators := _refused_operators(log):
        ((why, _),) = collections.Counter(operators.values()).most_common(1)
        return f"it does not take {', '.join(operators)} ({why})"
    missing = re.search(_MISSING[accelerator], log)
    return error if missing is None else f"LiteRT says: {missing[0]}"
