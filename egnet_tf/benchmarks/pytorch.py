"""Measures MPRNet beside a PyTorch implementation of it, on the CPU.

python -m egnet_tf.benchmarks pytorch --size=256

PyTorch runs at its best: channels last, and with bfloat16 its autocast. Each library
has a process of its own, and the two take turns. Needs the extra torch.
"""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import NamedTuple

from egnet_tf.benchmarks.memory import peak_resident
from egnet_tf.benchmarks.networks import PRECISIONS, Size, build_for, parse_size
from egnet_tf.benchmarks.timing import compared
from egnet_tf.cli import quiet_tensorflow
from egnet_tf.errors import InputError, require
from egnet_tf.options import option

_WORK = ("forward", "training step")


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure."""

    size: str = option("256", "Size of the image: 256, or height x width as 720x1280.")
    precision: tuple[str, ...] = option(
        ("mixed_bfloat16",),
        "Precisions of the networks' inner values.",
        choices=PRECISIONS,
    )
    repetitions: int = option(5, "Number of timed runs.", lower=1)


class Row(NamedTuple):
    """One row of the result.

    Attributes:
        work: "forward", or "training step": gradients of Charbonnier losses, and Adam.
        seconds: of one image, see `Timing`.
        time_ratio: to PyTorch.
        processor_seconds: of all threads, the least of all runs.
        peak_megabytes: of the process, its libraries included.
    """

    work: str
    precision: str
    library: str
    seconds: float
    time_ratio: float
    processor_seconds: float
    peak_megabytes: float


def measure(options: Options) -> list[Row]:
    """Measures one image, forward and as a training step; two rows for each.

    Raises:
        InputError: the size is not of multiples of 8, or PyTorch is not installed.
    """
    require("torch")
    size = parse_size(options.size)
    if size.height % 8 or size.width % 8:
        raise InputError(f"Expected a size of multiples of 8. Received: {size}")
    return [
        row
        for work in _WORK
        for precision in options.precision
        for row in _compare(work, precision, size, options.repetitions)
    ]


def _compare(work: str, precision: str, size: Size, repetitions: int) -> list[Row]:
    context = multiprocessing.get_context("spawn")
    made = {"PyTorch": _pytorch, "TensorFlow": _tensorflow}
    with contextlib.ExitStack() as stack:
        processes = {}
        for library, make in made.items():
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_serve, args=(theirs, make, work, precision, size), daemon=True
            )
            process.start()
            stack.callback(process.join)
            stack.callback(ours.close)
            theirs.close()
            processes[library] = ours
        runs = {library: [] for library in made}
        for number in range(repetitions + 1):  # The first is not counted.
            for library, connection in processes.items():
                connection.send(True)
                try:
                    measured = connection.recv()
                except EOFError:
                    raise InputError(
                        "Expected enough memory for the measurement. Received: a "
                        f"process of {library} that ended"
                    ) from None
                if number:
                    runs[library].append(measured)
    times = compared({x: [run[0] for run in own] for x, own in runs.items()})
    return [
        Row(
            work,
            precision,
            library,
            *times[library],
            min(run[1] for run in own),
            max(run[2] for run in own) / 1e6,
        )
        for library, own in runs.items()
    ]


def _serve(
    connection: Connection,
    make: Callable[[str, str, Size], Callable[[], object]],
    work: str,
    precision: str,
    size: Size,
) -> None:
    """Runs the function once for each message, and answers with what it took.

    The answer: seconds, seconds of the processor, and the peak of memory in bytes.
    """
    quiet_tensorflow.install()
    run = make(work, precision, size)
    with contextlib.suppress(EOFError):
        while connection.recv():
            start, busy = time.perf_counter(), time.process_time()
            run()
            took = time.perf_counter() - start, time.process_time() - busy
            connection.send((*took, peak_resident()))


def _tensorflow(work: str, precision: str, size: Size) -> Callable[[], object]:
    import keras
    import tensorflow as tf

    network = build_for("mprnet", size, precision)
    image = tf.random.stateless_uniform((1, *size, 3), seed=(0, 0))
    if work == "forward":
        forward = tf.function(lambda x: network(x, training=False), autograph=False)
        return lambda: tf.nest.map_structure(lambda x: x.numpy(), forward(image))
    optimizer = keras.optimizers.Adam(1e-6)
    variables = network.trainable_variables
    optimizer.build(variables)

    @tf.function(autograph=False)
    def step(sharp: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            stages = network(sharp, training=True).values()
            loss = tf.add_n(
                [tf.reduce_mean(tf.sqrt((x - sharp) ** 2 + 1e-6)) for x in stages]
            )
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    return lambda: step(image).numpy()


def _pytorch(work: str, precision: str, size: Size) -> Callable[[], object]:
    import torch  # pyright: ignore[reportMissingImports]

    from egnet_tf.benchmarks.pytorch_mprnet import MPRNet, charbonnier

    torch.set_num_threads(os.cpu_count() or 1)
    network = MPRNet()
    network.to(memory_format=torch.channels_last)  # pyright: ignore
    image = torch.rand(1, 3, *size).contiguous(memory_format=torch.channels_last)
    narrow = precision == "mixed_bfloat16"

    def restored() -> list[torch.Tensor]:
        with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
            return network(image)

    if work == "forward":
        return torch.no_grad()(restored)
    optimizer = torch.optim.Adam(network.parameters(), 1e-6)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        charbonnier(restored(), image).backward()
        optimizer.step()

    return step
