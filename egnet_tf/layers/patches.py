"""The multi-patch hierarchy: an image as 1, 2, 4 or 8 patches that do not overlap.

Patches are either stacked on the batch axis, so that a layer runs once for all of them
(the fastest way, for training), or kept apart as one tensor each (for devices:
LiteRT's default delegate fails on int8 graphs that split along the batch axis).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

_AXES = {"height": 1, "width": 2}


@keras.saving.register_keras_serializable(package="egnet_tf")
class HalvePatches(keras.layers.Layer):
    """Cuts each patch of a stack in two along one axis.

    Args:
        count: patches in the incoming stack.
        axis: "height" (top, bottom) or "width" (left, right).

    Call: (count * B, H, W, C) -> (2 * count * B, H / 2, W, C) along the height. The
    halves of a patch become neighbours, each over the whole batch:
    `[p0 of B images, p1 of B images] -> [p0 top, p0 bottom, p1 top, p1 bottom]`.
    """

    def __init__(self, count: int, axis: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count = count
        self.axis = axis

    def call(self, x: tf.Tensor) -> tf.Tensor:
        halves = []
        for patch in tf.split(x, self.count, axis=0):
            halves += tf.split(patch, 2, axis=_AXES[self.axis])
        return tf.concat(halves, axis=0)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return _scaled(input_shape, self.axis, batch=2, side=0.5)


@keras.saving.register_keras_serializable(package="egnet_tf")
class JoinPatches(keras.layers.Layer):
    """Joins the patches of a stack in pairs along one axis: undoes `HalvePatches`.

    Args:
        count: patches in the incoming stack, even.
        axis: "height" or "width".

    Call: (count * B, H, W, C) -> (count / 2 * B, 2 * H, W, C) along the height.
    """

    def __init__(self, count: int, axis: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count = count
        self.axis = axis

    def call(self, x: tf.Tensor) -> tf.Tensor:
        patches = tf.split(x, self.count, axis=0)
        pairs = zip(patches[::2], patches[1::2], strict=True)
        return tf.concat([tf.concat(p, axis=_AXES[self.axis]) for p in pairs], axis=0)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return _scaled(input_shape, self.axis, batch=0.5, side=2)


@keras.saving.register_keras_serializable(package="egnet_tf")
class TakeHalf(keras.layers.Layer):
    """One half of an image.

    Args:
        index: 0 for the top or left half, 1 for the other.
        axis: "height" or "width".

    Call: (B, H, W, C) -> (B, H / 2, W, C) along the height.
    """

    def __init__(self, index: int, axis: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.index = index
        self.axis = axis

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return tf.split(x, 2, axis=_AXES[self.axis])[self.index]

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return _scaled(input_shape, self.axis, batch=1, side=0.5)


def _scaled(shape: Any, axis: str, *, batch: float, side: float) -> tuple:
    factors = [batch, 1, 1, 1]
    factors[_AXES[axis]] = side
    return tuple(s and int(s * f) for s, f in zip(shape, factors, strict=True))


@dataclasses.dataclass(frozen=True)
class Patches:
    """One level of the hierarchy while a network is put together.

    Cutting and joining keep the tensors' own dtype: under mixed precision features
    are narrow, but images stay float32.

    Attributes:
        tensors: one stack of all patches, or one tensor per patch.
        stacked: which of the two.
        cuts: the axes along which the image was halved, in order.
    """

    tensors: tuple
    stacked: bool
    cuts: tuple[str, ...] = ()

    @classmethod
    def whole(cls, tensor: Any, *, stacked: bool = True) -> Patches:
        """The level of one patch: the image itself."""
        return cls((tensor,), stacked)

    @property
    def count(self) -> int:
        """The number of patches."""
        return 2 ** len(self.cuts)

    @property
    def tensor(self) -> Any:
        """The one tensor of a stack, or of the level of one patch."""
        (tensor,) = self.tensors
        return tensor

    @property
    def _dtype(self) -> str:
        # By name: Keras 2 cannot write another kind of type into a file.
        return tf.as_dtype(self.tensors[0].dtype).name

    def halve(self, axis: str) -> Patches:
        """Cuts every patch in two along "height" or "width"."""
        dtype = self._dtype
        if self.stacked:
            halves = (HalvePatches(self.count, axis, dtype=dtype)(self.tensor),)
        else:
            takes = [TakeHalf(index, axis, dtype=dtype) for index in (0, 1)]
            halves = tuple(take(t) for t in self.tensors for take in takes)
        return Patches(halves, self.stacked, (*self.cuts, axis))

    def cut(self, axes: Sequence[str]) -> Patches:
        """Cuts every patch in two along each of `axes` in turn."""
        return functools.reduce(Patches.halve, axes, self)

    def join(self) -> Patches:
        """Joins neighbouring patches: undoes the last `halve`, if there was one."""
        if not self.cuts:
            return self
        *cuts, axis = self.cuts
        dtype = self._dtype
        if self.stacked:
            pairs = (JoinPatches(self.count, axis, dtype=dtype)(self.tensor),)
        else:
            join = keras.layers.Concatenate(axis=_AXES[axis], dtype=dtype)
            firsts, seconds = self.tensors[::2], self.tensors[1::2]
            pairs = tuple(join([a, b]) for a, b in zip(firsts, seconds, strict=True))
        return Patches(pairs, self.stacked, tuple(cuts))

    def join_all(self) -> Any:
        """Joins all patches: the tensor of the whole image."""
        return self.join().join_all() if self.cuts else self.tensor

    def map(self, function: Callable, *others: Patches) -> Patches:
        """Calls `function` on every patch and on those of `others` in its place."""
        columns = zip(self.tensors, *(o.tensors for o in others), strict=True)
        results = tuple(function(*column) for column in columns)
        return dataclasses.replace(self, tensors=results)

    def unzip(self) -> tuple[Patches, ...]:
        """Turns patches of tuples (a `map` with several outputs) into a tuple."""
        columns = zip(*self.tensors, strict=True)
        return tuple(dataclasses.replace(self, tensors=tuple(c)) for c in columns)
