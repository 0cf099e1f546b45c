"""Draws the figures of the paper.

python -m egnet_tf.paper.figures --kind=gradient --input=photo.jpg --output=figure7.pdf
python -m egnet_tf.paper.figures --kind=comparison --input=blurry/ --sharp=sharp/ \
    --method=MPRNet=results/mprnet --method=EGNet=runs/gopro --output=figure8.pdf
python -m egnet_tf.paper.figures --kind=features --model=runs/gopro --input=photo.jpg \
    --output=features.png
python -m egnet_tf.paper.figures --kind=ensemble --model=runs/gopro --input=photo.jpg \
    --output=ensemble.png

gradient     Figure 7: the image, its Laplacian, its gradient map by Eq. 15
normalisers  what each reading of G in Eq. 15 does to noise and to weak edges
comparison   Figures 8 to 14: one scene, or several below each other, as several
             methods restore them, with zoomed crops
features     the features before and after EGN, stage by stage
ensemble     what the self-ensemble takes of each branch

docs/figures.md shows one of each.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

from absl.flags import DEFINE_multi_string, FlagValues

from egnet_tf.cli import app, flags, restorer_flags
from egnet_tf.errors import InputError
from egnet_tf.options import option

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INCH = 300
"""Pixels."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What to draw."""

    kind: str = option(
        "gradient",
        "The figure to draw.",
        choices=("gradient", "normalisers", "comparison", "features", "ensemble"),
    )
    input: str = option(
        "", "The blurry image; with --kind=comparison also a folder of images."
    )
    output: str = option(
        "", "The file to write. Its suffix chooses the format, such as .pdf or .png."
    )
    width: int = option(
        7 * _INCH,
        f"Width of the figure in pixels, of which {_INCH} are an inch.",
        lower=400,
    )
    sharp: str = option(
        "",
        "The sharp image, or with --kind=comparison a folder of them. The captions of "
        "--kind=comparison and --kind=ensemble then say PSNR and SSIM.",
    )
    model: str = option(
        "",
        "The run, or variant with shipped weights, of --kind=features and "
        "--kind=ensemble.",
    )
    channels: int = option(
        4, "Number of single channels that --kind=features draws.", lower=0
    )
    images: tuple[str, ...] = option(
        (),
        "Names of the images that --kind=comparison draws of the input's folder, "
        "without suffix. By default all.",
    )
    zooms: int = option(
        2, "Number of crops that --kind=comparison chooses without --zoom.", lower=1
    )
    gradients: bool = option(
        False, "Draw the gradient maps of the crops, too, with --kind=comparison."
    )


def define_flags(values: FlagValues) -> None:
    """Defines the flags of the command."""
    flags.define(Options, values)
    DEFINE_multi_string(
        "method",
        [],
        "A method of --kind=comparison as title=path or path: a model, an image, or a "
        "folder of results with the input's names.",
        flag_values=values,
    )
    DEFINE_multi_string(
        "zoom",
        [],
        "A crop that --kind=comparison enlarges, as x,y,width,height in pixels. By "
        "default crops are chosen where the methods differ most.",
        flag_values=values,
    )
    restorer_flags.define(values)


def main(values: FlagValues) -> None:
    """Draws the figure and writes it."""
    from egnet_tf.visualization import figures

    options = flags.read(Options, values)
    if not options.input or not options.output:
        raise InputError("Expected --input and --output. Received: not both")
    figures.check_suffix(options.output)
    figures.save(_draw(options, values), options.output)
    print(options.output)


def _draw(options: Options, values: FlagValues) -> Figure:
    from egnet_tf.images.read import read_image
    from egnet_tf.inference.resolve import resolve
    from egnet_tf.paper import activations, comparison
    from egnet_tf.visualization import figures

    width = options.width / _INCH
    if options.kind == "comparison":
        load = functools.partial(restorer_flags.load, values)
        scenes = comparison.read_scenes(
            options.input,
            [comparison.find_method(text, load) for text in values.method],
            names=options.images,
            sharp=options.sharp,
            zooms=[comparison.parse_zoom(text) for text in values.zoom],
            count=options.zooms,
        )
        return figures.comparison_figure(
            scenes, gradients=options.gradients, width=width
        )
    image = read_image(options.input)
    if options.kind == "gradient":
        return figures.gradient_figure(image, width=width)
    if options.kind == "normalisers":
        return figures.normaliser_figure(image, width=width)
    if not options.model:
        raise InputError(f"Expected --model with --kind={options.kind}. Received: none")
    weights = resolve(options.model).weights()
    sharp = read_image(options.sharp) if options.sharp else None

    from egnet_tf import models

    loaded = models.load(weights)
    if options.kind == "features":
        return activations.draw_features(loaded, image, options.channels, width)
    return activations.draw_ensemble(loaded, image, sharp, width)


if __name__ == "__main__":
    app.run(define_flags, main)
