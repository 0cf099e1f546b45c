"""Figures for a paper, drawn by matplotlib (extra `paper`).

Sizes are inches, measured from the left and the top of the figure.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath
from matplotlib.ticker import MaxNLocator

from egnet_tf.errors import InputError
from egnet_tf.files import replacing
from egnet_tf.images.convert import to_float
from egnet_tf.visualization.gradient import (
    edge_responses,
    gradient_strengths,
    noise_responses,
    visible_gradient_map,
    visible_laplacian,
)
from egnet_tf.visualization.zooms import Zoom

_DPI = 300
_GAP, _SCENE_GAP = 0.035, 0.1
_MARGIN = 0.02
"""Around the figure, so that no frame is cut by its border."""

_TEXT, _SMALLEST_TEXT = 8.0, 4.0
"""Points."""

_FRAMES = ("#f0e442", "#56b4e9", "#e66400", "#cc79a7")
"""Of Okabe and Ito: safe for colour-blind readers, and rare in photographs."""

_STYLES = ("k--", "C0o-", "C1s-", "C3^-", "C2D-")
"""Of lines: the Laplacian first, then the readings of G."""


class Panel(NamedTuple):
    """One method's restoration.

    Attributes:
        title: the method.
        image: uint8 (H, W, 3).
        note: a second line of the caption, such as its PSNR.
    """

    title: str
    image: np.ndarray
    note: str = ""

    @property
    def caption(self) -> str:
        """Title and note."""
        return f"{self.title}\n{self.note}" if self.note else self.title


class Scene(NamedTuple):
    """A comparison of methods on one image.

    Attributes:
        panels: of one size; the blurry one first.
        zooms: at least one, all of the first one's proportions.
    """

    panels: Sequence[Panel]
    zooms: Sequence[Zoom]


def check_suffix(path: str | os.PathLike[str]) -> None:
    """Checks that figures can be written under this name.

    Raises:
        InputError: matplotlib does not write such files.
    """
    known = sorted(Figure().canvas.get_supported_filetypes())
    if Path(path).suffix[1:].lower() not in known:
        raise InputError(
            f"Expected a file named .{', .'.join(known)}. Received: {path}"
        )


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Writes a figure, at 300 dpi where it consists of pixels.

    The suffix chooses the format: .pdf and .svg keep texts and frames as vectors, .png,
    .jpg, .tif and .webp are pixels.

    Raises:
        InputError: see `check_suffix`.
    """
    check_suffix(path)
    # TrueType, because publishers refuse the Type 3 fonts that are the default.
    with replacing(path) as unfinished, matplotlib.rc_context({"pdf.fonttype": 42}):
        figure.savefig(unfinished, format=Path(path).suffix[1:].lower(), dpi=_DPI)


def gradient_figure(image: np.ndarray, *, width: float = 7.0) -> Figure:
    """Figure 7: an image, its Laplacian, and its gradient map by Eq. 15."""
    shown = {
        "image": image,
        "Laplacian": visible_laplacian(image),
        "gradient map (Eq. 15)": visible_gradient_map(image),
    }
    grid = _Grid([list(shown)], image.shape, [""], width)
    for column, drawn in enumerate(shown.values()):
        grid.show(0, column, drawn)
    return grid.figure


def normaliser_figure(
    image: np.ndarray, *, noise: float = 4 / 255, width: float = 7.0
) -> Figure:
    """What each reading of G in Eq. 15 does to noise and to weak edges.

    Above, the responses (`gradient_strengths`) to the image, uint8 (H, W, 3), and to it
    under white noise, each divided by its 99.5th percentile. Below, measured on soft
    edges in one image: the response to weak edges, and to noise where nothing is, both
    relative to the response to a strong edge.
    """
    clean = to_float(image)
    noisy = clean + np.random.default_rng(0).normal(0, noise, image.shape)
    contrasts = np.geomspace(0.5, 0.01, 12)
    deviations = np.linspace(0.5, 8, 8) / 255
    edges = edge_responses(contrasts.tolist())
    noises = noise_responses(deviations.tolist())
    cell = width / (1 + len(edges)) * image.shape[0] / image.shape[1]
    figure = Figure(figsize=(width, 2 * cell + 3.0), layout="constrained")
    heights = 2 * cell + 0.4, 2.6
    above, below = figure.subfigures(2, 1, height_ratios=heights)  # pyright: ignore
    panels = above.subplots(2, 1 + len(edges))
    for title, shown, line in zip(
        ("image", "with noise"), (clean, noisy), panels, strict=True
    ):
        strengths = {title: np.clip(shown, 0, 1), **gradient_strengths(shown)}
        for axes, (name, panel) in zip(line, strengths.items(), strict=True):
            highest = 1.0 if name == title else np.percentile(panel, 99.5)
            axes.imshow(panel, "gray", vmin=0, vmax=highest, aspect="auto")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            if shown is clean or name == title:
                axes.set_title(name, fontsize=_TEXT, pad=3)
    plots = {
        "contrast of the edge": (contrasts, edges, "weak edges"),
        "noise (levels of 255)": (255 * deviations, noises, "noise"),
    }
    for axes, (title, (x, lines, what)) in zip(
        below.subplots(1, 2), plots.items(), strict=True
    ):
        for (name, values), style in zip(lines.items(), _STYLES, strict=True):
            axes.plot(x, values, style, label=name, linewidth=1.2, markersize=3)
        axes.set(xscale="log" if x is contrasts else "linear", yscale="log")
        axes.set_ylim(1e-4, 1.5)
        axes.set_xlabel(title, fontsize=_TEXT)
        axes.set_ylabel(f"response to {what} (strong edge: 1)", fontsize=_TEXT)
        axes.tick_params(labelsize=_TEXT - 1)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=_TEXT - 1)
    return figure


def comparison_figure(
    scenes: Sequence[Scene],
    *,
    gradients: bool = False,
    columns: int = 6,
    width: float = 7.0,
) -> Figure:
    """Figures 8 to 14: scenes one below the other, as several methods restore them.

    At the left of each stands its first image with the windows framed, as high as
    what is beside it: for each window a row with the crop of each panel in the
    frame's colour, and below, if asked, the crops' gradient maps (Eq. 15). Captions
    stand below the crops. What does not fit into the columns goes below.
    """
    figure, top = _figure(width), _MARGIN
    for scene in scenes:
        top = _draw_scene(figure, scene, gradients, columns, top) + _SCENE_GAP
    _set_height(figure, top - _SCENE_GAP + _MARGIN)
    return figure


def feature_figure(
    image: np.ndarray,
    stages: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    channels: int = 4,
    width: float = 7.0,
) -> Figure:
    """Draws features before and after EGN, and what EGN added, stage by stage.

    The first column holds the image and its gradient map (Eq. 15), the second the
    mean of the features' absolute values, the others the channels that EGN changes
    most. Before and after share a scale; what was added has its own.

    Args:
        image: uint8 (H, W, 3), what the stages see.
        stages: by title, the features before and after EGN, (h, w, C) each.
        channels: number of single channels.
        width: of the figure.
    """
    columns = {}
    for title, (before, after) in stages.items():
        change = np.abs(after - before).mean(axis=(0, 1))
        means = np.abs(before).mean(-1), np.abs(after).mean(-1)
        columns[title] = {"mean of |features|": means} | {
            f"channel {i + 1}": (before[..., i], after[..., i])
            for i in np.argsort(-change)[:channels]
        }
    rows = ["before EGN", "after EGN", "|added by EGN|"]
    titles = [[title, *maps] for title, maps in columns.items()]
    grid = _Grid(titles, image.shape, rows, width, bars=(1, 2))
    for block, maps in enumerate(columns.values()):
        before, after, added = range(3 * block, 3 * block + 3)
        grid.show(before, 0, image)
        axes = grid.show(after, 0, visible_gradient_map(image)).axes
        axes.set_xlabel("gradient map", fontsize=grid.text)
        for column, (one, other) in enumerate(maps.values(), 1):
            scale = np.percentile(np.stack([one, other]), (0.5, 99.5))
            grid.show(before, column, one, scale)
            grid.bar(grid.show(after, column, other, scale))
            change = np.abs(other - one)
            highest = max(float(np.percentile(change, 99.5)), 1e-12)
            grid.bar(grid.show(added, column, change, (0, highest)))
    return grid.figure


def ensemble_figure(
    branches: Sequence[Panel], weights: np.ndarray, fused: Panel, *, width: float = 7.0
) -> Figure:
    """Draws each branch's restoration above its weights (Eq. 12), and the result.

    All weights, (H, W, n) in the order of the branches, share a scale, from the
    smallest to the largest (of the middle 99%).
    """
    panels, count = [*branches, fused], len(branches)
    titles = [panel.caption for panel in panels]
    grid = _Grid([titles], weights.shape, ["restored", "weight"], width, bars=(1,))
    scale = np.percentile(weights, (0.5, 99.5))
    for column, panel in enumerate(panels):
        grid.show(0, column, panel.image)
    drawn = [grid.show(1, i, weights[..., i], scale) for i in range(count)]
    grid.bar(drawn[0], drawn[-1])
    return grid.figure


class _Grid:
    """Blocks of rows of images of one shape, each under titles of its own.

    Attributes:
        figure: the figure.
        text: size of the texts in points.
    """

    def __init__(
        self,
        titles: Sequence[Sequence[str]],
        shape: tuple[int, ...],
        rows: Sequence[str],
        width: float,
        bars: Sequence[int] = (),
    ):
        """Makes the axes.

        Args:
            titles: of the columns, for each block.
            shape: height and width of the images.
            rows: labels of the rows of each block.
            width: of the figure in inches.
            bars: rows of each block below which there is room for a colour bar.
        """
        margin, room = (0.16 if any(rows) else 0.0), 0.26
        side = (width - 2 * _MARGIN - margin + _GAP) / len(titles[0]) - _GAP
        cell = side * shape[0] / shape[1]
        words = [title for block in titles for title in block]
        self.text = min(_text_size(words, side), _text_size(rows, cell))
        self.figure, top = _figure(width), _MARGIN
        self._axes: list[list[Axes]] = []
        for columns in titles:
            top += _caption_height(words, self.text)
            for number, label in enumerate(rows):
                line = []
                for i in range(len(columns)):
                    left = _MARGIN + margin + i * (side + _GAP)
                    line.append(_axes(self.figure, (left, top, side, cell)))
                line[0].set_ylabel(label, fontsize=self.text, labelpad=2)
                self._axes.append(line)
                top += cell + _GAP + room * (number in bars)
            for axes, title in zip(self._axes[-len(rows)], columns, strict=True):
                axes.set_title(title, fontsize=self.text, pad=3)
        _set_height(self.figure, top + _MARGIN)

    def show(
        self,
        row: int,
        column: int,
        image: np.ndarray,
        scale: Sequence[float] | np.ndarray = (0, 1),
    ) -> AxesImage:
        """Draws an image, or numbers in viridis from the low to the high one."""
        low, high = scale
        return self._axes[row][column].imshow(image, vmin=low, vmax=high, aspect="auto")

    def bar(self, first: AxesImage, last: AxesImage | None = None) -> None:
        """Draws the colour bar of an image, below all up to the last of its row."""
        one, other = (drawn.axes.get_position() for drawn in (first, last or first))
        inch = 1 / self.figure.get_figheight()
        axes = self.figure.add_axes(
            (one.x0, one.y0 - 0.11 * inch, other.x1 - one.x0, 0.06 * inch)
        )
        # Numbers at the ends would run into those of the next bar.
        ticks = MaxNLocator(nbins=12 if last else 4, prune="both")
        bar = self.figure.colorbar(
            first, cax=axes, orientation="horizontal", ticks=ticks
        )
        bar.ax.tick_params(labelsize=self.text - 1, length=2, pad=1)
        bar.outline.set_visible(False)


def _draw_scene(
    figure: Figure, scene: Scene, gradients: bool, columns: int, top: float
) -> float:
    """Draws a scene and returns where it ends."""
    panels, zooms = scene
    first, captions = panels[0], [panel.caption for panel in panels]
    shape = first.image.shape[0] / first.image.shape[1]
    ratio, width = zooms[0].height / zooms[0].width, figure.get_figwidth() - 2 * _MARGIN
    # As many in each row as the rows need: eight, up to six in a row, are 4 + 4.
    count = math.ceil(len(panels) / columns)
    columns = math.ceil(len(panels) / count)
    lines = len(zooms) * (2 if gradients else 1)

    def block(left: float, caption: float) -> tuple[float, float]:
        """Width of a crop and height of all rows of crops with their captions."""
        side = (width - left - columns * _GAP) / columns
        group = lines * ratio * side + (lines - 1) * _GAP + caption
        return side, count * (group + _GAP) - _GAP

    # The left image is as high as the crops beside it; both are linear in its width.
    # The captions shrink until they fit into the width of a crop, hence two rounds.
    text = _TEXT
    for _ in range(2):
        caption = _caption_height(captions, text)
        side, height = block(0.0, caption)
        left = (height - caption) / (shape + count * lines * ratio / columns)
        left = min(left, 0.6 * width)
        side, height = block(left, caption)
        text = min(_text_size(captions, side), _text_size([first.title], left))

    colours = [_FRAMES[i % len(_FRAMES)] for i in range(len(zooms))]
    bottom = top + max(height, shape * left + caption)
    whole = _axes(figure, (_MARGIN, top, left, shape * left))
    whole.imshow(first.image, aspect="auto")
    whole.set_xlabel(first.title, fontsize=text, labelpad=2)
    for zoom, colour in zip(zooms, colours, strict=True):
        corner = zoom.left - 0.5, zoom.top - 0.5
        whole.add_patch(
            Rectangle(corner, zoom.width, zoom.height, fill=False, ec=colour, lw=1.5)
        )
    for start in range(0, len(panels), columns):
        group = panels[start : start + columns]
        shown = [[panel.image for panel in group]]
        if gradients:
            # Of the whole images: alone, a flat crop would show its noise as edges.
            shown.append([visible_gradient_map(panel.image) for panel in group])
        for zoom, colour in zip(zooms, colours, strict=True):
            for images in shown:
                row = []
                for i, image in enumerate(images):
                    x = _MARGIN + left + _GAP + i * (side + _GAP)
                    axes = _axes(figure, (x, top, side, ratio * side), colour)
                    axes.imshow(zoom.cut(image), aspect="auto")
                    row.append(axes)
                top += ratio * side + _GAP
        for axes, panel in zip(row, group, strict=True):
            axes.set_xlabel(panel.caption, fontsize=text, labelpad=2)
        top += caption
    return bottom


def _figure(width: float) -> Figure:
    """An empty figure whose height is not known before all is in it."""
    return Figure(figsize=(width, 1))


def _axes(
    figure: Figure, box: tuple[float, float, float, float], colour: str | None = None
) -> Axes:
    """Axes for an image in (left, top, width, height), framed in that colour."""
    (left, top, width, height), across = box, figure.get_figwidth()
    axes = figure.add_axes((left / across, -top - height, width / across, height))
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=bool(colour), color=colour, linewidth=1.5)
    return axes


def _set_height(figure: Figure, height: float) -> None:
    """Brings axes that were placed below a `_figure` into it."""
    figure.set_figheight(height)
    for axes in figure.axes:
        x, y, width, down = axes.get_position().bounds
        axes.set_position((x, 1 + y / height, width, down / height))


def _text_size(texts: Sequence[str], width: float) -> float:
    """The largest size, at most 8 points, in which each line fits with some room."""
    lines = [line for text in texts for line in text.split("\n") if line]
    widths = [TextPath((0, 0), line, size=72).get_extents().width for line in lines]
    size = min([_TEXT, *(0.93 * 72 * 72 * width / extent for extent in widths)])
    return max(size, _SMALLEST_TEXT)


def _caption_height(texts: Sequence[str], size: float) -> float:
    return (1.25 * size * max(text.count("\n") + 1 for text in texts) + 4) / 72
