"""Makes a run of a PyTorch checkpoint.

python -m egnet_tf.import_torch --backbone=mprnet --checkpoint=mprnet.pth --run=runs/it

Takes checkpoints of the reference implementations, of any width: MPRNet (one file),
MIMO-UNet and MIMO-UNet+ (one file) and DMPHN 1-2-4-8 (the folder of its eight files).
Every command accepts the run. To train EGN alone in it:

python -m egnet_tf.train --variant=egnet --init_weights=runs/it --egn_steps=40000

The weights stay under the licence they came with.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from absl import flags

from egnet_tf import models
from egnet_tf.cli import app
from egnet_tf.errors import InputError
from egnet_tf.models.torch_weights import (
    BACKBONES,
    DMPHN_FILES,
    network_from_torch,
    state_dict_in,
)

_BACKBONE = flags.DEFINE_enum("backbone", None, BACKBONES, "What it is.", required=True)
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", None, "The file; for dmphn the folder of its files.", required=True
)
_RUN = flags.DEFINE_string("run", None, "Folder of the new run.", required=True)
_CROP = flags.DEFINE_integer(
    "crop",
    256,
    "Side in pixels of the crops it was trained on, for local pooling; 256 in all "
    "three publications.",
    lower_bound=1,
)


def main() -> None:
    """Reads the checkpoint, builds the network it belongs to and writes the run."""
    run, source = Path(_RUN.value), Path(_CHECKPOINT.value)
    if run.exists():
        raise InputError(f"Expected a --run that is not there yet. Received: {run}")
    state = _read_dmphn(source) if _BACKBONE.value == "dmphn" else _read(source)
    variant, network = network_from_torch(_BACKBONE.value, state)
    model = models.LoadedModel(
        variant, network, ensemble=None, branches=(), crop=_CROP.value
    )
    models.save(run / "weights", model)
    sizes = ", ".join(f"{name} {value}" for name, value in variant.options.items())
    print(
        f"{run}: {variant.backbone} of {network.count_params():,} parameters ({sizes})"
    )


def _read_dmphn(folder: Path) -> dict[str, np.ndarray]:
    """Names of the eight files before the names inside: encoder_lv1.layer1.weight."""
    missing = [x for x in DMPHN_FILES if not (folder / f"{x}.pkl").is_file()]
    if missing:
        raise InputError(
            f"Expected encoder_lv1.pkl to decoder_lv4.pkl in {folder}. "
            f"Received: no {', '.join(missing)}"
        )
    return {
        f"{part}.{name}": array
        for part in DMPHN_FILES
        for name, array in _read(folder / f"{part}.pkl").items()
    }


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        import torch
    except ImportError as error:
        raise InputError(
            "Expected PyTorch, which reads checkpoints: pip install 'egnet-tf[torch]'. "
            f"Received: {error}"
        ) from error
    with path.open("rb") as file:
        try:
            checkpoint = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # Damaged files raise whatever they meet first.
            raise InputError(
                "Expected a checkpoint of weights, not damaged "
                f"({type(error).__name__}). Received: {path}"
            ) from error
    try:
        # float() also takes bfloat16, which NumPy does not know.
        return {
            name: tensor.detach().float().numpy()
            for name, tensor in state_dict_in(checkpoint).items()
        }
    except AttributeError as error:
        raise InputError(
            "Expected a state dict, bare or under state_dict or model. "
            f"Received: {path}, of other things"
        ) from error


if __name__ == "__main__":
    app.run(main)
