"""A folder of weights: what a run ends with and what the package ships.

    model.json             variant, side of the training crops, branches of the ensemble
    network.weights.h5     the network
    ensemble.weights.h5    the self-ensemble network, once it has been trained

Keras' own `.keras` files are tied to the Keras version that wrote them; weights are
not, and the network is rebuilt from model.json. Describing weights needs no
TensorFlow; finding them is `inference.resolve`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from egnet_tf.errors import InputError
from egnet_tf.files import read_json, replacing, reserve, write_json
from egnet_tf.models.configs import Config, number
from egnet_tf.models.variants import Variant
from egnet_tf.trial import one_line, try_out

if TYPE_CHECKING:
    import keras

_DESCRIPTION = "model.json"
_NETWORK = "network.weights.h5"
_ENSEMBLE = "ensemble.weights.h5"

_MOST_GROWTH = 8
"""Bytes of weights for each byte of their file, which may be compressed."""


class LoadedModel(NamedTuple):
    """Trained networks and what using them takes.

    Attributes:
        variant: what they were built from.
        network: see `build`.
        ensemble: see `build_ensemble`; None if it was not trained.
        branches: names of the restorations that the ensemble fuses, in its order.
        crop: side of the training crops in pixels.
    """

    variant: Variant
    network: keras.Model
    ensemble: keras.Model | None
    branches: tuple[str, ...]
    crop: int

    @property
    def size_multiple(self) -> int:
        """Height and width of the network's input must be multiples of it."""
        return self.variant.size_multiple


@dataclasses.dataclass(frozen=True)
class _Description(Config):
    """What model.json says of a `LoadedModel`."""

    variant: Variant
    crop: int = number(1, 65536)
    branches: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> _Description:
        """Reads the description of a folder.

        Raises:
            InputError: there is none, or it says what no network can be built from.
        """
        path = folder / _DESCRIPTION
        values = read_json(path)
        try:
            return cls.from_json(values)
        except InputError as error:
            raise InputError(f"{error}, in {path}") from None

    @classmethod
    def from_json(cls, values: Any) -> _Description:
        """The description that `save` wrote down.

        Raises:
            InputError: see `Variant.from_json`.
        """
        cls.check_keys(values)
        branches = values.get("branches", [])
        if (
            not isinstance(branches, list)
            or len(branches) > 64
            or not all(isinstance(name, str) for name in branches)
        ):
            raise InputError(
                f"Expected branches as a list of names. Received: {branches!r:.60}"
            )
        variant = Variant.from_json(values["variant"])
        return cls(variant, values["crop"], tuple(branches))


def save(folder: Path, model: LoadedModel) -> None:
    """Writes a folder of weights, whole or not at all.

    No file takes its name before all are written; the description comes last: a
    folder that has one is complete.
    """
    branches = model.branches if model.ensemble else ()
    description = dataclasses.asdict(_Description(model.variant, model.crop, branches))
    with contextlib.ExitStack() as files:
        # The last to be entered takes its place first.
        path = files.enter_context(replacing(folder / _DESCRIPTION))
        write_json(path, {**description, "variant": model.variant.to_json()})
        if model.ensemble is not None:
            _save(model.ensemble, files.enter_context(replacing(folder / _ENSEMBLE)))
        _save(model.network, files.enter_context(replacing(folder / _NETWORK)))


def load(folder: Path, **layout: Any) -> LoadedModel:
    """Rebuilds the networks of a folder that `save` wrote, and loads their weights.

    The layout is that of `build`.

    Raises:
        InputError: the folder is not complete or its files are damaged.
    """
    from egnet_tf.models.networks import build, build_ensemble

    description = _Description.read(folder)
    variant, branches = description.variant, description.branches
    _check_size(variant, folder / _NETWORK)
    network = build(variant)
    _load(network, folder / _NETWORK)
    if layout:
        # Keras stores weights in the order of the graph, which the layout changes.
        laid_out = build(variant, **layout)
        transfer_weights(network, laid_out)
        network = laid_out
    ensemble = None
    if branches:
        ensemble = build_ensemble(variant, len(branches))
        _load(ensemble, folder / _ENSEMBLE)
    return LoadedModel(variant, network, ensemble, branches, description.crop)


def read_variant(folder: Path) -> Variant:
    """The variant of a folder of weights; its networks are not built.

    Raises:
        InputError: the folder has no sound description.
    """
    return _Description.read(folder).variant


def read_branches(folder: Path) -> tuple[str, ...]:
    """What the trained self-ensemble of a folder of weights fuses, in its order.

    Empty if it has no self-ensemble; no network is built.

    Raises:
        InputError: the folder has no sound description.
    """
    return _Description.read(folder).branches


def transfer_weights(source: keras.Model, target: keras.Model) -> None:
    """Copies weights between layers of equal names.

    Layers that only `target` has keep their own, as those of EGN do when a trained
    backbone is taken over into a network with EGN.

    Raises:
        ValueError: `source` has weights for which `target` has no layer.
    """
    for layer in source.layers:
        if layer.weights:
            target.get_layer(layer.name).set_weights(layer.get_weights())


def _check_size(variant: Variant, path: Path) -> None:
    """Tells a description that asks for far more weights than there are.

    Before anything is built: building it might take all memory.
    """
    size = path.stat().st_size if path.is_file() else 0
    if size < 4 * variant.fewest_parameters:
        raise InputError(
            f"Expected at least {variant.fewest_parameters:,} weights of float32 for "
            f"the {_DESCRIPTION} beside. Received: {path} of {size:,} bytes"
        )


def _save(model: keras.Model, path: Path) -> None:
    """As Keras does, but in HDF5's newer layout: 0.6 MB less for `egnet_mobile`.

    HDF5 may end the process when the disk is full. So the space is taken before Keras
    writes, and what HDF5 itself writes is memory.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    import h5py

    keras_file, content = f"{path}.keras.weights.h5", io.BytesIO()
    try:
        reserve(keras_file, largest_file(model))
        model.save_weights(keras_file)
        with (
            h5py.File(keras_file) as source,
            h5py.File(content, "w", libver="latest") as target,
        ):

            def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
                if isinstance(item, h5py.Dataset):
                    target[name] = item[()]
                else:
                    target.require_group(name)
                target[name].attrs.update(item.attrs)

            target.attrs.update(source.attrs)
            source.visititems(copy)
    finally:
        Path(keras_file).unlink(missing_ok=True)
    path.write_bytes(content.getbuffer())


def largest_file(model: keras.Model) -> int:
    """An upper limit of the bytes that Keras takes for a network's weights."""
    return 4 * model.count_params() + 6144 * len(model.weights) + 2**14


def _load(model: keras.Model, path: Path) -> None:
    if path.is_file():
        memory = _MOST_GROWTH * path.stat().st_size
        try_out(try_weights, path, memory=memory)
    try:
        with warnings.catch_warnings():
            # Keras only warns about layers that the file does not have.
            warnings.simplefilter("error", UserWarning)
            model.load_weights(str(path))
    except MemoryError:
        raise
    except Exception as error:  # Damaged files raise what Keras and h5py meet first.
        raise InputError(
            f"Expected the weights of {model.name} ({type(error).__name__}). "
            f"Received: {path}"
        ) from error


def try_weights(path: str) -> None:
    """Reads all of a file of weights, for `egnet_tf.trial.try_out`.

    HDF5 does not survive every damaged file, and its files can name others to read,
    hold themselves, and unpack to any size.

    Raises:
        InputError: there is something in it that weights do not need, or a number that
            is not finite.
    """
    import h5py
    import numpy as np
    from h5py import h5o  # pyright: ignore[reportAttributeAccessIssue]

    def refuse(name: object, why: str) -> InputError:
        return InputError(
            "Expected weights of finite numbers, as Keras writes them. "
            f"Received: {path}, with {name} {why}"
        )

    left = _MOST_GROWTH * Path(path).stat().st_size
    seen = set()

    def check(item: h5py.Group | h5py.Dataset | h5py.Datatype) -> None:
        nonlocal left
        address = h5o.get_info(item.id).addr
        if address in seen:
            raise refuse(item.name, "in two places")
        seen.add(address)
        if isinstance(item, h5py.Group):
            return
        if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "fiu":
            raise refuse(item.name, "of another type than numbers")
        if item.is_virtual or item.external:
            raise refuse(item.name, "in another file")
        left -= item.nbytes
        if left < 0:
            raise refuse(item.name, f"of {item.nbytes:,} bytes")
        if not np.isfinite(item[()]).all():
            raise refuse(item.name, "of NaN or infinity")

    try:
        with h5py.File(path) as file:
            waiting: list[Any] = [file]
            while waiting:
                group = waiting.pop()
                for name in group:
                    # Asked before the item, which may lie in another file.
                    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                        raise refuse(name, "in another place")
                    item = group[name]
                    check(item)
                    dict(item.attrs)
                    if isinstance(item, h5py.Group):
                        waiting.append(item)
    except InputError:
        raise
    except Exception as error:  # Damaged files raise what h5py meets first.
        raise InputError(
            f"Expected a whole HDF5 file of weights. Received: {path} "
            f"({one_line(error)})"
        ) from None
