"""Draws the figures of the paper.

python -m egnet_tf.paper.figures --kind=gradient --input=photo.jpg --output=figure7.pdf
python -m egnet_tf.paper.figures --kind=comparison --input=blurry/ --sharp=sharp/ \
    --method=MPRNet=results/mprnet --method=EGNet=runs/gopro --output=figure8.pdf
python -m egnet_tf.paper.figures --kind=features --model=runs/gopro --input=photo.jpg \
    --output=features.png
python -m egnet_tf.paper.figures --kind=ensemble --model=runs/gopro --input=photo.jpg \
    --output=ensemble.png

gradient    Figure 7: the image, its Laplacian, its gradient map by Eq. 15
comparison  Figures 8 to 14: one scene, or several below each other, as several
            methods restore them, with zoomed crops
features    the features before and after EGN, stage by stage
ensemble    what the self-ensemble takes of each branch

docs/figures.md shows one of each.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from egnet_tf.cli import app, restorer_flags
from egnet_tf.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from egnet_tf.models import LoadedModel

_INCH = 300
"""Pixels."""


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of the command."""
    flags.DEFINE_enum(
        "kind",
        "gradient",
        ["gradient", "comparison", "features", "ensemble"],
        "The figure to draw.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "input",
        None,
        "The blurry image; with --kind=comparison also a folder of images.",
        required=True,
        flag_values=values,
    )
    flags.DEFINE_string(
        "output",
        None,
        "The file to write. Its suffix chooses the format, such as .pdf or .png.",
        required=True,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "width",
        7 * _INCH,
        f"Width of the figure in pixels, of which {_INCH} are an inch.",
        lower_bound=400,
        flag_values=values,
    )
    flags.DEFINE_string(
        "sharp",
        None,
        "The sharp image, or with --kind=comparison a folder of them. The captions of "
        "--kind=comparison and --kind=ensemble then say PSNR and SSIM.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "model",
        None,
        "The run, or variant with shipped weights, of --kind=features and "
        "--kind=ensemble.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "channels",
        4,
        "Number of single channels that --kind=features draws.",
        lower_bound=0,
        flag_values=values,
    )
    flags.DEFINE_multi_string(
        "method",
        [],
        "A method of --kind=comparison as title=path or path: a model, an image, or a "
        "folder of results with the input's names.",
        flag_values=values,
    )
    flags.DEFINE_list(
        "images",
        [],
        "Names of the images that --kind=comparison draws of the input's folder, "
        "without suffix. By default all.",
        flag_values=values,
    )
    flags.DEFINE_multi_string(
        "zoom",
        [],
        "A crop that --kind=comparison enlarges, as x,y,width,height in pixels. By "
        "default crops are chosen where the methods differ most.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "zooms",
        2,
        "Number of crops that --kind=comparison chooses without --zoom.",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_bool(
        "gradients",
        False,
        "Draw the gradient maps of the crops, too, with --kind=comparison.",
        flag_values=values,
    )
    restorer_flags.define(values)


def main(values: flags.FlagValues) -> None:
    """Draws the figure and writes it."""
    from egnet_tf.visualization import figures

    figures.check_suffix(values.output)
    draw = {
        "gradient": _gradient,
        "comparison": _comparison,
        "features": _features,
        "ensemble": _ensemble,
    }[values.kind]
    figures.save(draw(values), values.output)
    print(values.output)


def _gradient(values: flags.FlagValues) -> Figure:
    from egnet_tf.images.read import read_image
    from egnet_tf.visualization.figures import gradient_figure

    return gradient_figure(read_image(values.input), width=values.width / _INCH)


def _comparison(values: flags.FlagValues) -> Figure:
    from egnet_tf.paper import comparison
    from egnet_tf.visualization.figures import comparison_figure

    if not values.method:
        raise InputError("Expected --method=title=path. Received: none")
    load = functools.partial(restorer_flags.load, values)
    methods = [comparison.find_method(text, load) for text in values.method]
    zooms = [comparison.parse_zoom(text) for text in values.zoom]
    scenes = []
    for name, path in comparison.find_scenes(values.input, values.images).items():
        sharp = None
        if values.sharp:
            sharp = comparison.read_named(Path(values.sharp), name)
        scenes.append(
            comparison.compare(
                name,
                comparison.read_image(path),
                methods,
                sharp=sharp,
                zooms=zooms,
                count=values.zooms,
            )
        )
    return comparison_figure(
        scenes, gradients=values.gradients, width=values.width / _INCH
    )


def _features(values: flags.FlagValues) -> Figure:
    from egnet_tf.images.read import read_image
    from egnet_tf.paper.activations import draw_features

    image = read_image(values.input)
    return draw_features(
        _loaded(values), image, channels=values.channels, width=values.width / _INCH
    )


def _ensemble(values: flags.FlagValues) -> Figure:
    from egnet_tf.images.read import read_image
    from egnet_tf.paper.activations import draw_ensemble

    blurry = read_image(values.input)
    sharp = read_image(values.sharp) if values.sharp else None
    return draw_ensemble(_loaded(values), blurry, sharp, width=values.width / _INCH)


def _loaded(values: flags.FlagValues) -> LoadedModel:
    from egnet_tf.inference.resolve import resolve

    if values.model is None:
        raise InputError(f"Expected --model with --kind={values.kind}. Received: none")
    weights = resolve(values.model).weights()
    from egnet_tf import models

    return models.load(weights)


if __name__ == "__main__":
    app.run(define_flags, main)
