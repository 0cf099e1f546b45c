"""Networks for measurements: new weights, one size, a chosen precision."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from egnet_tf.errors import InputError

if TYPE_CHECKING:
    import keras

PRECISIONS = ("float32", "mixed_bfloat16")

SIZES_HELP = "Sizes of the image: 256, or height x width as 720x1280."


class Size(NamedTuple):
    """Height and width of an image in pixels."""

    height: int
    width: int

    def __str__(self) -> str:
        """As `parse_size` reads it."""
        return f"{self.height}x{self.width}"


def parse_size(text: str) -> Size:
    """Reads "256" (a square) or "720x1280" (height x width).

    Raises:
        InputError: the text is neither.
    """
    sides = text.split("x")
    if len(sides) > 2 or not all(side.isdecimal() and int(side) for side in sides):
        raise InputError(f"Expected a size such as 256 or 720x1280. Received: {text}")
    return Size(int(sides[0]), int(sides[-1]))


def combined(variants: Iterable[str], sizes: Iterable[str]) -> list[tuple[str, Size]]:
    """Each variant with each size, all checked before anything is measured.

    Raises:
        InputError: there is no such variant, or a size is none.
    """
    from egnet_tf.models.variants import variant

    read = [parse_size(size) for size in sizes]
    for name in variants:
        variant(name)
    return [(name, size) for name in variants for size in read]


def build_for(
    name: str, size: Size, precision: str = "float32", **layout
) -> keras.Model:
    """Builds a variant with new weights, computing in one of the `PRECISIONS`.

    The size of the images that it will restore is checked, not fixed.

    Raises:
        InputError: there is no such variant, or it does not take such images.
    """
    from egnet_tf.models import build, variant

    multiple = variant(name).size_multiple
    if size.height % multiple or size.width % multiple:
        raise InputError(
            f"Expected a size of multiples of {multiple} for {name}. Received: {size}"
        )
    with precision_policy(precision):
        return build(name, **layout)


def forward(
    network: Callable, size: Size, jit_compile: bool = False
) -> Callable[[], object]:
    """Makes a function that restores one random image in a compiled graph.

    The network is a Keras model, or called like one with a tensor (1, H, W, 3).
    """
    import tensorflow as tf

    image = tf.random.stateless_uniform((1, *size, 3), seed=(0, 0))
    run = tf.function(
        lambda image: network(image, training=False),
        autograph=False,
        jit_compile=jit_compile,
    )
    return lambda: run(image)


@contextlib.contextmanager
def precision_policy(precision: str) -> Iterator[None]:
    """Networks that are built inside compute in one of the `PRECISIONS`."""
    import keras

    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(precision)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)
