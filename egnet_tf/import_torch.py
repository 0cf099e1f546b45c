"""Makes a run of a PyTorch checkpoint.

python -m egnet_tf.import_torch --backbone=mprnet --checkpoint=mprnet.pth --run=runs/it

Takes checkpoints of the reference implementations, of any width: MPRNet, MIMO-UNet and
MIMO-UNet+ (one file), DMPHN 1-2-4-8 (one file, or the folder of its eight files). The
weights may lie under any keys ("state_dict", "params_ema", ...) and prefix ("module.").
Every command accepts the run. To train EGN alone in it:

python -m egnet_tf.train --variant=egnet --init_weights=runs/it --egn_steps=40000

The weights stay under the licence they came with.
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import numpy as np
from absl.flags import FlagValues

from egnet_tf.cli import app, flags
from egnet_tf.errors import InputError, require
from egnet_tf.models.configs import BACKBONES
from egnet_tf.models.torch_checkpoint import ANCHORS, DMPHN_FILES, read_state_dict
from egnet_tf.options import option

_SUFFIXES = (".pkl", ".pth", ".pt", ".safetensors")


@dataclasses.dataclass(frozen=True)
class Options:
    """What to import, and where to."""

    backbone: str = option(
        "mprnet",
        "The network that the checkpoint is of.",
        choices=tuple(BACKBONES),
    )
    checkpoint: str = option(
        "",
        "The checkpoint, a file of torch.save or .safetensors; for dmphn it may be "
        "the folder of its eight files.",
    )
    run: str = option("", "Folder of the new run.")
    crop: int = option(
        256,
        "Side in pixels of the crops that it was trained on, for local pooling; 256 "
        "in all three publications.",
        lower=1,
    )


define_flags = functools.partial(flags.define, Options)


def main(values: FlagValues) -> None:
    """Reads the checkpoint, builds the network it belongs to and writes the run."""
    require("tensorflow")
    options = flags.read(Options, values)
    if not options.checkpoint or not options.run:
        raise InputError("Expected --checkpoint and --run. Received: not both")
    run = Path(options.run).expanduser()
    source = Path(options.checkpoint).expanduser()
    if run.exists():
        raise InputError(f"Expected a --run that is not there yet. Received: {run}")
    if not source.exists():
        raise InputError(f"Expected a checkpoint. Received: {source}, which is missing")
    if options.backbone == "dmphn" and source.is_dir():
        state, left_out = _read_folder(source)
    elif source.is_dir():
        raise InputError(f"Expected a checkpoint file. Received: the folder {source}")
    else:
        state, where, left_out = read_state_dict(source, ANCHORS[options.backbone])
        if where:
            print(f"read: the weights under {app.shown(where)}")
    if left_out:
        some = app.shown(", ".join(left_out[:3]))
        more = f" and {len(left_out) - 3} more" if len(left_out) > 3 else ""
        print(f"left out, not of the network: {some}{more}")

    # Imported here, so that whatever is wrong with the above is said at once.
    from egnet_tf import models
    from egnet_tf.models.torch_weights import network_from_torch

    variant, network = network_from_torch(options.backbone, state)
    model = models.LoadedModel(
        variant, network, ensemble=None, branches=(), crop=options.crop
    )
    models.save(run / "weights", model)
    sizes = dataclasses.asdict(variant.backbone).items()
    sizes = ", ".join(f"{name} {value}" for name, value in sizes)
    print(
        f"{app.shown(run)}: {variant.backbone.name} of {network.count_params():,} "
        f"parameters ({sizes})"
    )


def _read_folder(folder: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """DMPHN's eight files, their names before those inside: encoder_lv1.layer1.weight.

    Returns:
        The arrays, and what was left out.
    """
    files = {
        part: file
        for part in DMPHN_FILES
        for file in sorted(folder.glob(f"{part}.*"), reverse=True)
        if file.suffix in _SUFFIXES
    }
    missing = [part for part in DMPHN_FILES if part not in files]
    if missing:
        raise InputError(
            f"Expected encoder_lv1.pkl to decoder_lv4.pkl in {folder}. "
            f"Received: no {', '.join(missing)}"
        )
    arrays, left_out = {}, []
    for part, file in files.items():
        anchor = "layer1.weight" if part.startswith("encoder") else "layer24.weight"
        found = read_state_dict(file, anchor)
        arrays.update({f"{part}.{name}": x for name, x in found.arrays.items()})
        left_out += [f"{part}.{name}" for name in found.left_out]
    return arrays, left_out


if __name__ == "__main__":
    app.run(define_flags, main)
