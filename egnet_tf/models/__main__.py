"""Lists the networks: sizes, weights and scores of every named variant.

python -m egnet_tf.models

Multiply-adds are those of 256 x 256 pixels. Published are the paper's numbers, by its
authors; measured are those of the weights that come with the package, on held-out
images (their model card says which).
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from egnet_tf.cli import app
from egnet_tf.cli.table import Cell, show
from egnet_tf.errors import require
from egnet_tf.files import write_json
from egnet_tf.model_list import Model, all_models
from egnet_tf.models.variants import VARIANTS


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of the command."""
    flags.DEFINE_string(
        "output", None, "A CSV file to write the rows to, too.", flag_values=values
    )
    flags.DEFINE_string(
        "write_sizes",
        None,
        "Instead of the list: build every network, and write a JSON file of their "
        "parameters and multiply-adds (egnet_tf/models/sizes.json).",
        flag_values=values,
    )


def main(values: flags.FlagValues) -> None:
    """Prints the table."""
    if values.write_sizes:
        require("tensorflow")
        write_json(Path(values.write_sizes), measured_sizes())
        return
    show([_row(model) for model in all_models()], values.output)


def measured_sizes() -> dict[str, dict[str, int]]:
    """Returns what sizes.json holds, by building every network."""
    from egnet_tf.models import build, multiply_adds

    sizes = {}
    for name in VARIANTS:
        network = build(name, attention_block=None)
        sizes[name] = {
            "parameters": network.count_params(),
            "multiply_adds": multiply_adds(network, 256, 256),
        }
    return sizes


def _row(model: Model) -> dict[str, Cell]:
    size = sum(model.files.values()) / 1e6
    published = model.published
    gain = None
    if model.measured:
        best = model.measured[0]
        gain = (
            f"{best.psnr:.2f} dB / {best.ssim:.4f}, {best.gain:+.2f} dB on "
            f"{best.dataset} ({best.protocol}, {best.images} images)"
        )
    return {
        "variant": model.name,
        "parameters": model.parameters,
        "multiply-adds (G)": f"{model.multiply_adds / 1e9:.2f}",
        "size multiple": model.size_multiple,
        "weights": f"shipped, {size:.1f} MB" if model.files else None,
        "published on GoPro": (
            f"{published.psnr:.2f} dB / {published.ssim:.3f}" if published else None
        ),
        "measured": gain,
    }


if __name__ == "__main__":
    app.run(define_flags, main)
