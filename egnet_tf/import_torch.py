"""Makes a run of a PyTorch checkpoint.

python -m egnet_tf.import_torch --backbone=mprnet --checkpoint=mprnet.pth --run=runs/it

Takes checkpoints of the reference implementations, of any width: MPRNet (one file),
MIMO-UNet and MIMO-UNet+ (one file) and DMPHN 1-2-4-8 (the folder of its eight files).
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
from egnet_tf.errors import InputError
from egnet_tf.models.configs import BACKBONES
from egnet_tf.options import option


@dataclasses.dataclass(frozen=True)
class Options:
    """What to import, and where to."""

    backbone: str = option(
        "mprnet",
        "The network that the checkpoint is of.",
        choices=tuple(BACKBONES),
    )
    checkpoint: str = option(
        "", "The checkpoint file; for dmphn the folder of its eight files."
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
    options = flags.read(Options, values)
    if not options.checkpoint or not options.run:
        raise InputError("Expected --checkpoint and --run. Received: not both")
    run, source = Path(options.run), Path(options.checkpoint)
    if run.exists():
        raise InputError(f"Expected a --run that is not there yet. Received: {run}")
    if not source.exists():
        raise InputError(f"Expected a checkpoint. Received: {source}, which is missing")
    state = _read_dmphn(source) if options.backbone == "dmphn" else _read(source)

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


def _read_dmphn(folder: Path) -> dict[str, np.ndarray]:
    """Names of the eight files before the names inside: encoder_lv1.layer1.weight."""
    from egnet_tf.models.torch_weights import DMPHN_FILES

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
        import torch  # pyright: ignore[reportMissingImports]
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
    from egnet_tf.models.torch_weights import state_dict_in

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
    app.run(define_flags, main)
