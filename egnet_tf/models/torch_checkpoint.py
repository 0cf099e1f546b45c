"""Reads the files that PyTorch projects publish, as NumPy arrays by name.

A file may be what `torch.save` writes or a .safetensors file. The state dict of the
network may lie at any depth of dictionaries (under "state_dict", "params_ema", "net_g",
...), its names may have any prefix ("module.", "model.", "_orig_mod.", ...), and other
things may lie beside it: a name that every checkpoint of the backbone has, its anchor,
tells which is the network. Needs the extra `torch`, and no TensorFlow.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from egnet_tf.errors import InputError, require

ANCHORS = {
    "mprnet": "shallow_feat1.0.weight",
    "dmphn": "encoder_lv1.layer1.weight",
    "mimo_unet": "feat_extract.0.main.0.weight",
}
"""A weight of each backbone that no other network has, by PyTorch's name."""

DMPHN_FILES = tuple(f"{x}_lv{i}" for x in ("encoder", "decoder") for i in (1, 2, 3, 4))
"""The parts of DMPHN, which its authors store as files of their own."""

_WEIGHTS = ("weight", "bias")
"""Last parts of the names of weights; anything else is a buffer or a counter."""

_MOST_GROWTH = 8
"""Bytes of float32 arrays for each byte of the file: eight bits a weight give 4."""

_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"


class StateDict(NamedTuple):
    """The weights of one network.

    Attributes:
        arrays: float32 by name, without the prefix.
        where: keys and prefix that they stood under, such as "params_ema.module.", or
            "" at the top.
        left_out: names of the tensors beside them: of other networks, and buffers
            such as "num_batches_tracked".
    """

    arrays: dict[str, np.ndarray]
    where: str
    left_out: list[str]


def read_state_dict(path: Path, anchor: str) -> StateDict:
    """Reads the weights of a network from a checkpoint.

    Of several that fit, as of a network and its moving average, the one whose keys say
    "ema" is taken, else the first.

    Args:
        path: a file of `torch.save` or .safetensors. It runs no code of its own:
            anything but tensors and plain values is refused.
        anchor: the name of one of the network's weights, such as those in `ANCHORS`.

    Raises:
        InputError: PyTorch is not installed, or the file cannot be used. The message
            says why: it is damaged, a web page, a pointer to the real file, holds other
            things than tensors, another network, or weights that are not finite.
    """
    checkpoint = _read(path)
    found = [
        (keys, name.removesuffix(anchor), tensors)
        for keys, tensors in _dictionaries(checkpoint)
        for name in tensors
        if name == anchor or name.endswith(f".{anchor}")
    ]
    if not found:
        raise InputError(_another_network(checkpoint, anchor, path))
    averages = [x for x in found if "ema" in f"{x[0]}{x[1]}".lower()]
    keys, prefix, tensors = (averages or found)[0]
    others = tuple(x[1] for x in found if x[2] is tensors and x[1] > prefix)
    own, left_out = {}, []
    for name, tensor in tensors.items():
        bare = name.removeprefix(prefix)
        inside = name.startswith(prefix) and not name.startswith(others)
        if inside and bare.rpartition(".")[2] in _WEIGHTS:
            own[bare] = tensor
        else:
            left_out.append(name)
    return StateDict(_arrays(own, path), keys + prefix, left_out)


def _read(path: Path) -> Any:
    """What the file holds: tensors in dictionaries."""
    if path.exists() and not path.is_file():  # Reading a pipe may never end.
        raise InputError(f"Expected a checkpoint. Received: {path}, no regular file")
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise InputError(
            f"Expected a readable checkpoint. Received: {path} ({error.strerror})"
        ) from None
    if told := _no_checkpoint(head):
        raise InputError(f"Expected a checkpoint. Received: {path}, {told}")
    is_zip = head.startswith(_ZIP)
    if is_zip:
        _check_archive(path)
    require("torch")
    import torch  # pyright: ignore[reportMissingImports]

    if not is_zip and not head.startswith(_PICKLE):
        return _read_safetensors(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except pickle.UnpicklingError as error:
        raise InputError(
            f"Expected a checkpoint of tensors and plain values. Received: {path}, "
            + _reason(error)
        ) from None
    except Exception as error:  # Damaged files raise whatever they meet first.
        raise InputError(
            f"Expected a whole checkpoint. Received: {path}, which is damaged "
            f"({type(error).__name__})"
        ) from None


def _no_checkpoint(head: bytes) -> str:
    """What a file is whose first bytes are of no checkpoint; "" if they are of one."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        return "an empty file"
    if text.startswith(b"version https://git-lfs"):
        return (
            "a Git LFS pointer to the file: git lfs pull, or download the file itself"
        )
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<script")):
        return "a web page: download the file itself"
    if head.startswith((_ZIP, _PICKLE)):
        return ""
    if head[8:9] == b"{" and head[:8].rstrip(b"\0") != head[:8]:
        return ""  # The length of a safetensors header, and its JSON.
    kinds = {
        b"\x1f\x8b": "a gzip archive",
        b"Rar!": "a RAR archive",
        b"7z\xbc\xaf": "a 7-Zip archive",
        b"\x89HDF": "an HDF5 file",
        b"\x93NUM": "a NumPy file",
        b"%PDF": "a PDF",
    }
    for start, kind in kinds.items():
        if head.startswith(start):
            return kind
    try:
        head.decode("utf-8")
    except UnicodeDecodeError:
        return "which is damaged, or of another format"
    return "a text file"


def _check_archive(path: Path) -> None:
    """Tells an archive of something else, and one with changed bytes.

    PyTorch stores a checksum of every tensor and does not compare it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [x.partition("/")[2] or x for x in archive.namelist()]
            if "data.pkl" not in names:
                raise InputError(
                    "Expected a checkpoint of torch.save. "
                    f"Received: {path}, another zip archive"
                )
            if "constants.pkl" in names:
                raise InputError(
                    "Expected a checkpoint of weights. "
                    f"Received: {path}, a TorchScript program"
                )
            if any(x.compress_type != zipfile.ZIP_STORED for x in archive.infolist()):
                raise zipfile.BadZipFile("compressed records")
            damaged = archive.testzip()
    except InputError:
        raise
    except Exception as error:  # zipfile lets through what it meets: struct.error, ...
        raise InputError(
            f"Expected a whole checkpoint. Received: {path}, which is damaged ({error})"
        ) from None
    if damaged is not None:
        raise InputError(
            f"Expected a whole checkpoint. Received: {path}, which is damaged (the "
            f"checksum of {damaged} differs)"
        )


def _reason(error: Exception) -> str:
    """What PyTorch's refusal of a pickle means."""
    text = " ".join(str(error).split())
    if foreign := re.search(r"GLOBAL (\S+)", text):
        return (
            f"which also holds Python objects ({foreign[1]}): save its state dict "
            "alone where it was made"
        )
    return "which is damaged, or a pickle of other things"


def _read_safetensors(path: Path) -> dict[str, Any]:
    require("safetensors")
    from safetensors import safe_open  # pyright: ignore[reportMissingImports]

    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # Its own class, and what PyTorch raises on odd types.
        raise InputError(
            f"Expected a whole .safetensors file. Received: {path}, which is damaged "
            f"({' '.join(str(error).split())[:100]})"
        ) from None


def _dictionaries(checkpoint: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The tensors of every dictionary by name, with the keys that lead to it."""
    import torch  # pyright: ignore[reportMissingImports]

    seen, waiting = set(), [("", checkpoint)]
    while waiting:
        keys, value = waiting.pop(0)
        # A dictionary may hold itself.
        if not isinstance(value, Mapping) or id(value) in seen:
            continue
        seen.add(id(value))
        yield (
            keys,
            {str(k): v for k, v in value.items() if isinstance(v, torch.Tensor)},
        )
        waiting.extend((f"{keys}{key}.", inner) for key, inner in value.items())


def _another_network(checkpoint: Any, anchor: str, path: Path) -> str:
    """Says what a checkpoint without the anchor is."""
    start = f"Expected a checkpoint with {anchor}. Received: {path}, "
    names = [
        keys + name for keys, tensors in _dictionaries(checkpoint) for name in tensors
    ]
    for backbone, other in ANCHORS.items():
        if any(name == other or name.endswith(f".{other}") for name in names):
            return f"{start}of the network {backbone}"
    if not names:
        return f"{start}a {type(checkpoint).__name__} without named tensors"
    return f"{start}of another network, with {', '.join(names[:3])}, ..."


def _arrays(tensors: dict[str, Any], path: Path) -> dict[str, np.ndarray]:
    """Converts tensors, each of which must be what a weight can be."""
    import torch  # pyright: ignore[reportMissingImports]

    def refuse(what: str) -> InputError:
        return InputError(
            f"Expected weights as plain, finite numbers. Received: {path}, with {what}"
        )

    arrays = {}
    left = _MOST_GROWTH * path.stat().st_size
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
            raise refuse(f"{name}, which is sparse, quantised or without content")
        if tensor.is_complex():
            raise refuse(f"{name} of {tensor.dtype}")
        left -= 4 * tensor.numel()
        if left < 0:
            raise refuse(f"{name}, {tuple(tensor.shape)}: more numbers than it stores")
        # float() also takes bfloat16, which NumPy does not know.
        array = tensor.detach().float().numpy()
        if not np.isfinite(array).all():
            raise refuse(f"NaN or infinity in {name}")
        arrays[name] = array
    return arrays
