"""The one place that pads, tiles, merges, crops, clips and rounds."""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from egnet_tf.errors import InputError, require
from egnet_tf.images.convert import PEAKS, from_float, reflect_pad, to_float
from egnet_tf.inference.branches import results_among
from egnet_tf.inference.kinds import restore_any
from egnet_tf.inference.runners.base import Runner
from egnet_tf.inference.runners.pool import Passes, RunnerPool, in_order
from egnet_tf.inference.strength import blend, check_strength
from egnet_tf.inference.tiling import (
    blended_strips,
    default_overlap,
    tile_grid,
    tile_positions,
)

if TYPE_CHECKING:
    import keras
    from PIL.Image import Image

OnTile = Callable[[int, int], None]

_STRIP_BYTES = 3 * 4
"""Bytes of a pixel in the row of tiles being blended: float32 RGB."""

_ROWS = 64
"""How many finished rows are clipped and rounded at once."""


class Plan(NamedTuple):
    """How an image of one size is restored.

    Attributes:
        tile: height and width of the network's input.
        overlap: pixels that neighbouring tiles share.
        tiles: how many tiles; 1 is the whole image, padded.
        batch: how many images of this size go through the network at once.
        strip_bytes: memory of the row of tiles being blended.
        pass_bytes: memory of a forward pass over a tile; 0 where it decides nothing,
            and so is not known.
    """

    tile: tuple[int, int]
    overlap: int
    tiles: int
    batch: int
    strip_bytes: int = 0
    pass_bytes: int = 0


class Restorer:
    """Restores images of any size, whole or in tiles.

        restorer = egnet_tf.load("runs/quickstart")
        restored = restorer(photo)

    An image is restored in the tiles of the model, or if it has none, whole within the
    memory limit, else in the largest tiles. Tiles are square and overlap under a
    smooth window (`egnet_tf.inference.tiling`). Sizes that the network does not take
    are padded at the right and the bottom by reflection (`images.convert.reflect_pad`),
    and the padding is cropped off.

    Args:
        runner: the network.
        ensemble: a keras.Model, list of one (B, H, W, 3) for each branch -> restored
            (B, H, W, 3). Without it, the branches are averaged.
        branches: names of `egnet_tf.inference.branches`, in the order in which the
            ensemble takes them; by default the paper's three with an ensemble, else
            the image as it is.
        tile: side of the tiles in pixels; 0 restores whole images whatever memory they
            take. By default `model_tile`; without one, whole within the memory limit,
            else the largest that fits.
        model_tile: side of the tiles in which the model restores by default
            (`Variant.tile`), 0 for none. An image smaller than such a tile is padded
            to one, as it is for an exported file of that tile: both give the same
            result. Smaller tiles are taken only to keep a memory limit that is given.
        overlap: pixels that neighbouring tiles share, at most half a tile; by default
            see `default_overlap`.
        memory_limit: bytes that an image, the row of tiles being blended and a
            forward pass may take together (weights not counted), so that the peak is
            the same for large images as for small ones; by default
            `default_memory_limit()`.
        name: what `repr` calls the model.

    Raises:
        InputError: the options contradict each other or the runner.
    """

    def __init__(
        self,
        runner: Runner,
        *,
        ensemble: keras.Model | None = None,
        branches: Sequence[str] | None = None,
        tile: int | None = None,
        model_tile: int = 0,
        overlap: int | None = None,
        memory_limit: int | None = None,
        name: str = "",
    ):
        self._name = name or type(runner).__name__
        if ensemble is not None or branches is not None:
            # Imported here, because only the branches need TensorFlow.
            require("tensorflow")
            from egnet_tf.inference.runners.ensemble import EnsembleRunner

            runner = EnsembleRunner(runner, branches, ensemble)
        if runner.tile is not None and tile not in (None, runner.tile):
            raise InputError(
                f"Expected the model's fixed tile of {runner.tile}. Received: {tile}"
            )
        if runner.tile is None and tile in (None, model_tile):
            self._model_tile = model_tile
        else:
            self._model_tile = 0
        side = self._model_tile or tile
        if side and (side < 0 or side % runner.size_multiple):
            raise InputError(
                f"Expected a tile that is a multiple of {runner.size_multiple}. "
                f"Received: {side}"
            )
        self._limited = memory_limit is not None
        if memory_limit is None:
            memory_limit = default_memory_limit()
        if memory_limit <= 0:
            raise InputError(
                f"Expected a memory limit above 0 bytes. Received: {memory_limit}"
            )
        if overlap is not None and overlap < 0:
            raise InputError(f"Expected an overlap of 0 or more. Received: {overlap}")
        self.runner = runner
        self._results = results_among(branches or ())
        self._tile = runner.tile or tile
        self._overlap = overlap
        self.memory_limit = memory_limit
        self._fused = ", ".join(branches or ())
        if self._fused:
            self._fused += " by their mean" if ensemble is None else " by its ensemble"

    def __repr__(self) -> str:
        """The network, what it runs on, its tiles, and what it fuses."""
        side = self._model_tile or self._tile
        if side:
            tiles = f"tiles of {side}"
        elif self._tile == 0:
            tiles = "whole images"
        else:
            limit = self.memory_limit / 2**30
            tiles = f"whole images within {limit:.3g} GiB, else tiles"
        fused = f", fusing {self._fused}" if self._fused else ""
        return f"<Restorer {self._name} on {self.runner.device}, {tiles}{fused}>"

    @overload
    def __call__(
        self,
        images: np.ndarray,
        *,
        strength: float = ...,
        out: np.ndarray | None = ...,
        on_tile: OnTile | None = ...,
    ) -> np.ndarray: ...

    @overload
    def __call__(
        self,
        images: str | os.PathLike[str] | Image,
        *,
        strength: float = ...,
        out: None = ...,
        on_tile: OnTile | None = ...,
    ) -> Image: ...

    @overload
    def __call__(
        self,
        images: str | os.PathLike[str],
        *,
        strength: float = ...,
        out: str | os.PathLike[str],
        on_tile: OnTile | None = ...,
    ) -> Path: ...

    @overload
    def __call__(
        self,
        images: list[Any] | tuple[Any, ...],
        *,
        strength: float = ...,
        out: None = ...,
        on_tile: OnTile | None = ...,
    ) -> list[Any]: ...

    def __call__(
        self,
        images: Any,
        *,
        strength: float = 1.0,
        out: Any = None,
        on_tile: OnTile | None = None,
    ) -> Any:
        """Restores an image, a batch of equal size, or a list of images.

            restorer("photo.jpg").show()                    # a PIL image
            restorer("photo.jpg", out="restored.jpg")       # from file to file
            restorer(array)                                 # an array
            restorer(["a.jpg", array, Image.open("c.png")]) # a list

        Args:
            images: one of

                - RGB (H, W, 3) or (B, H, W, 3); uint8, uint16, or float in [0, 1].
                  Where the branches are results of n other methods, these,
                  (H, W, 3 n) or (B, H, W, 3 n), in the order of the methods' titles;
                - a path to an image file, see `egnet_tf.images.read.read_photo`;
                - an image of Pillow, see `egnet_tf.images.read.from_pillow`;
                - a list or tuple of these, of any sizes.
            strength: how much of the restoration is kept, from 0, the pixels of
                `images`, to 1, those of the network (`egnet_tf.inference.strength`).
            out: for an array, where to write, of the type of `images` and the shape of
                one; a new array by default. It may be `images` itself: rows are
                written once no tile needs the blurry ones any more, so a large photo
                is in memory once, not twice. For a path, the file to write or to
                replace, with all that the photo had (`images.write.write_photo`).
            on_tile: called after each forward pass with how many are done and how
                many there are (of each image of a list).

        Returns:
            Restored, of the same size and clipped: for an array, RGB of the same type
            (integers are rounded), `out` if that was given; for an image of Pillow,
            one of the same mode, or of the one that `images.write.to_pillow` has for
            it; for a path, an image of Pillow, upright, or the path `out`; for a list,
            a list of these. Opacity stays as it is.

        Raises:
            InputError: another kind, shape, type, range or strength, a file that is not
                read or not written, a tile that does not fit the memory limit, or a
                network whose output is not finite. The content of an array `out` is
                undefined then.
            OSError: `out` cannot be written.
        """
        check_strength(strength)

        def restore(images: np.ndarray, out: np.ndarray | None) -> np.ndarray:
            return self._restore(images, strength, out, on_tile)

        return restore_any(restore, images, out)

    def _restore(
        self,
        images: np.ndarray,
        strength: float,
        out: np.ndarray | None,
        on_tile: OnTile | None,
    ) -> np.ndarray:
        """Restores one array; see `__call__`."""
        _check(images, self._results)
        if self._results and strength != 1:
            raise InputError(
                "Expected a strength of 1, because results of other methods are fused "
                f"and there is no blurry image. Received: {strength}"
            )
        shape = (*images.shape[:-1], 3)
        if out is None:
            out = np.empty(shape, images.dtype)
        elif (out.shape, out.dtype) != (shape, images.dtype):
            raise ValueError(
                f"Expected out of shape {shape} and type {images.dtype}. "
                f"Received: {out.shape} and {out.dtype}"
            )
        batch = images if images.ndim == 4 else images[None]
        plan = self.plan(*batch.shape[1:3], sample_bytes=batch.itemsize)
        passes = plan.tiles * math.ceil(len(batch) / plan.batch)
        done = 0

        def run(parts: Iterable[np.ndarray]) -> Passes:
            nonlocal done
            for restored in self._run(parts, plan.tile):
                done += 1
                if on_tile is not None:
                    on_tile(done, passes)
                yield restored

        result = out if out.ndim == 4 else out[None]
        if plan.tiles == 1:
            height, width = batch.shape[1:3]
            starts = range(0, len(batch), plan.batch)
            chunks = [slice(first, first + plan.batch) for first in starts]
            with contextlib.closing(run(batch[chunk] for chunk in chunks)) as parts:
                for chunk, restored in zip(chunks, parts, strict=True):
                    cropped = restored[:, :height, :width]
                    _store(cropped, result[chunk], batch[chunk], strength)
        else:
            for image, restored in zip(batch, result, strict=True):
                self._restore_in_tiles(image, restored, plan, run, strength)
        return out

    def side_by_side(
        self, others: Sequence[Restorer] = (), *, batch: int = 1
    ) -> Restorer:
        """Returns a Restorer that several threads may call, on several devices.

        A single image is restored by all of them, too, if it has several tiles.

        Args:
            others: the same model, loaded in the same way, on other devices or cores.
            batch: how many tiles or images of one size, of all calls together, go
                through a network at once, where it takes several: as many of them as
                take half of the memory limit, if that is fewer.
        """
        runners = [runner for x in (self, *others) for runner in _runners(x.runner)]
        pixels = math.inf
        if batch > 1 and self._measures_memory:
            pixels = self.memory_limit / 2 / max(self._bytes_per_pixel, 1e-9)
        joined = copy.copy(self)
        joined.runner = RunnerPool(runners, batch, pixels)
        return joined

    def plan(self, height: int, width: int, sample_bytes: int = 1) -> Plan:
        """Returns how an image of this size in pixels is restored.

        `sample_bytes` is the size of one of its numbers, 1 for uint8.

        Raises:
            InputError: the memory limit is too small for a tile, or the overlap is
                more than half a tile.
        """
        fixed, multiple = self.runner.tile, self.runner.size_multiple
        if fixed is not None:
            tile, batch = (fixed, fixed), 1
        else:
            whole = _round_up(height, multiple), _round_up(width, multiple)
            batch = 1
            left = self.memory_limit - 3 * sample_bytes * height * width
            if self._model_tile:
                side = self._model_tile
                if self._limited:
                    side = min(side, self._largest_tile(left, width))
            elif self._tile is None:
                batch = int(left / self._bytes_per_pixel / math.prod(whole))
                side = max(whole) if batch > 0 else self._largest_tile(left, width)
            else:
                side = self._tile or max(whole)
            if side == self._model_tile:
                whole = side, side
            tile = min(whole[0], side), min(whole[1], side)
        overlap = self._overlap
        if overlap is None:
            overlap = default_overlap(max(tile))
        tiles = 1
        for length, side in zip((height, width), tile, strict=True):
            if length > side:
                if overlap > side // 2:
                    raise InputError(
                        f"Expected an overlap of at most half a tile of {side}. "
                        f"Received: {overlap}"
                    )
                tiles *= len(tile_positions(length, side, overlap))
        strip = _STRIP_BYTES * tile[0] * width if tiles > 1 else 0
        in_pass = 0
        if self._measures_memory:
            in_pass = int(self._bytes_per_pixel * math.prod(tile))
        return Plan(tile, overlap, tiles, max(batch, 1), strip, in_pass)

    @property
    def _measures_memory(self) -> bool:
        """Whether the memory of a pass decides about tiles; it takes seconds to ask."""
        if self.runner.tile is not None:
            return False
        return self._limited if self._model_tile else self._tile is None

    @functools.cached_property
    def _bytes_per_pixel(self) -> float:
        return self.runner.bytes_per_pixel

    def _largest_tile(self, left: int, width: int) -> int:
        """The largest side s with bytes_per_pixel s^2 + _STRIP_BYTES width s <= left.

        `left` is what remains, in bytes, for the forward pass and the row of tiles.
        """
        multiple, per_pixel = self.runner.size_multiple, self._bytes_per_pixel
        strip = _STRIP_BYTES * width
        root = math.sqrt(strip**2 + 4 * per_pixel * max(left, 0))
        side = int((root - strip) / (2 * per_pixel)) // multiple * multiple
        if side == 0:
            needed = multiple**2 * per_pixel + multiple * strip
            raise InputError(
                "Expected a memory limit of at least "
                f"{math.ceil(self.memory_limit - left + needed)} bytes, for the image "
                f"and the smallest tile. Received: {self.memory_limit}"
            )
        return side

    def _restore_in_tiles(
        self,
        image: np.ndarray,
        out: np.ndarray,
        plan: Plan,
        run: Callable[[Iterable[np.ndarray]], Passes],
        strength: float,
    ) -> None:
        height, width = image.shape[:2]
        tile_height, tile_width = plan.tile
        size = max(height, tile_height), max(width, tile_width)
        tops, lefts = tile_grid(size, plan.tile, plan.overlap)
        views = (
            image[None, top : top + tile_height, left : left + tile_width]
            for top, left in itertools.product(tops, lefts)
        )
        with contextlib.closing(run(views)) as passes:
            tiles = (restored[0] for restored in passes)
            for top, strip in blended_strips(size, plan.tile, plan.overlap, tiles):
                # The next row of tiles begins below these rows, so `out` may be
                # `image`.
                bottom = min(top + len(strip), height)
                for first in range(top, bottom, _ROWS):
                    rows = slice(first, min(first + _ROWS, bottom))
                    finished = strip[first - top : rows.stop - top, :width]
                    _store(finished, out[rows], image[rows], strength)

    def _run(self, parts: Iterable[np.ndarray], tile: tuple[int, int]) -> Passes:
        """Restores each (B, h, w, 3), padded to the tile's size; float32 in [0, 1].

        Clipped before tiles are blended, as exported files clip inside: where two
        tiles overlap, the order counts.
        """

        def padded(part: np.ndarray) -> np.ndarray:
            bottom, right = tile[0] - part.shape[1], tile[1] - part.shape[2]
            return to_float(reflect_pad(part, bottom, right))

        inputs = map(padded, parts)
        with contextlib.closing(in_order(self.runner, inputs)) as passes:
            for restored in passes:
                if restored.shape[1:] != (*tile, 3):
                    raise ValueError(
                        f"Expected an image of shape {(*tile, 3)} from the network. "
                        f"Received: {restored.shape[1:]}"
                    )
                if not np.isfinite(restored).all():
                    raise InputError(
                        "Expected finite numbers from the network; its weights may be "
                        "damaged. Received: NaN or infinity"
                    )
                yield np.clip(restored, 0.0, 1.0)


def _runners(runner: Runner) -> Sequence[Runner]:
    return runner.runners if isinstance(runner, RunnerPool) else [runner]


def _store(
    restored: np.ndarray, out: np.ndarray, blurry: np.ndarray, strength: float
) -> None:
    """Writes what the network restored, float32 in [0, 1]; `out` may be `blurry`."""
    stored = from_float(restored, out.dtype)
    if strength == 1:  # Where results are fused, there is no blurry image.
        out[...] = stored
    else:
        blend(blurry, stored, strength, out)


def default_memory_limit() -> int:
    """Returns 8 GiB in bytes, or half of the memory if that is less.

    The memory is that of the machine, or that of the container (control group) that
    this process runs in. It is capped because the choice between the whole image and
    tiles changes the result a little; with the cap, most machines make the same choice.
    """
    memory = 8 * 2**30  # Where the system does not say.
    with contextlib.suppress(AttributeError, ValueError, OSError):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(8 * 2**30, min([memory, *_container_limits()]) // 2)


def _container_limits(root: Path = Path("/")) -> Iterator[int]:
    """Yields the memory limits of Linux' control groups, of versions 2 and 1."""
    groups = []
    with contextlib.suppress(OSError, UnicodeDecodeError):
        lines = (root / "proc/self/cgroup").read_text().splitlines()
        groups = [line.split(":", 2)[1:] for line in lines if line.count(":") >= 2]
    places = []
    for controllers, group in groups:
        if not controllers:
            where, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            where, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        inner = PurePosixPath(group.lstrip("/"))
        # A group above may be narrower; inside a container the path may be another.
        places += [where / folder / name for folder in (inner, *inner.parents)]
    for place in dict.fromkeys(places):
        with contextlib.suppress(OSError, ValueError):
            yield int(place.read_text())  # "max" stands for none.


def _check(images: np.ndarray, results: Sequence[str]) -> None:
    sound = images.ndim in (3, 4) and 0 not in images.shape
    if results and not (sound and images.shape[-1] == 3 * len(results)):
        raise InputError(
            f"Expected the results of {', '.join(results)} in the place of the blurry "
            f"image: (H, W, {3 * len(results)}). Received: {images.shape}"
        )
    if not sound or images.shape[-1] != 3 * max(len(results), 1):
        raise InputError(
            "Expected RGB images of shape (H, W, 3) or (B, H, W, 3), not empty. "
            f"Received: {images.shape}"
        )
    if images.dtype in PEAKS:
        return
    if not np.issubdtype(images.dtype, np.floating):
        raise InputError(f"Expected uint8, uint16 or float. Received: {images.dtype}")
    low, high = images.min(), images.max()
    if not (low >= 0 and high <= 1):  # Also catches NaN.
        raise InputError(
            f"Expected floats in [0, 1]. Received: values from {low} to {high}"
        )


def _round_up(length: int, multiple: int) -> int:
    return math.ceil(length / multiple) * multiple
