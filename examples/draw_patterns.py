"""Draws images of fine lines, grids, rings and text: training data beside photographs.

    python examples/draw_patterns.py data/photos/train/patterns

Photographs hold few fine parallel lines, and a network that has seen none invents
stripes across them. Drawn beside photographs they teach it to leave lines as they are.
Nothing here comes from anybody's photograph, and a seed gives the same images.
"""

from __future__ import annotations

import argparse
import string
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

HEIGHT, WIDTH = 768, 1024
PATCHES = 14
"""Patterned patches an image, which lie over each other."""
SHORTEST, LONGEST = 2.5, 20.0
"""Periods of the lines, in pixels."""


def main() -> None:
    """Draws the images."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path, help="of the images; made where missing")
    parser.add_argument("--images", type=int, default=24, help="how many to draw")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for number in range(options.images):
        rng = np.random.default_rng((options.seed, number))
        image = Image.fromarray(draw(rng))
        image.save(options.folder / f"pattern_{options.seed}_{number:03d}.png")


def draw(rng: np.random.Generator) -> np.ndarray:
    """Draws patches of patterns on a plain ground: uint8 (HEIGHT, WIDTH, 3)."""
    image = _ground(rng)
    for _ in range(PATCHES):
        height, width = rng.integers(120, 400, 2)
        top, left = rng.integers(0, HEIGHT - height), rng.integers(0, WIDTH - width)
        window = image[top : top + height, left : left + width]
        pattern = _text if rng.random() < 0.2 else _lines
        share = pattern(height, width, rng)[..., None]
        first, second = _two_colours(rng)
        window[:] = first + share * (second - first)
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def _ground(rng: np.random.Generator) -> np.ndarray:
    first, second = _two_colours(rng)
    slope = np.linspace(0, 1, WIDTH)[None, :, None]
    return np.broadcast_to(first + slope * (second - first), (HEIGHT, WIDTH, 3)).copy()


def _two_colours(rng: np.random.Generator) -> np.ndarray:
    """Mostly greys: (2, 3), whose contrast is anything from faint to full."""
    grey = rng.uniform(10, 245, (2, 1))
    tint = rng.normal(0, 12 if rng.random() < 0.7 else 50, (2, 3))
    return np.clip(grey + tint, 0, 255)


def _lines(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Parallel lines, a grid of them, or rings: (height, width) in [0, 1]."""
    kind = rng.choice(["lines", "grid", "rings"], p=[0.6, 0.25, 0.15])
    if kind == "rings":
        y, x = np.mgrid[:height, :width]
        centre = rng.uniform(-0.5, 1.5, 2) * (height, width)
        return _wave(np.hypot(y - centre[0], x - centre[1]), rng)
    angle = rng.uniform(0, np.pi)
    pattern = _wave(_along(angle, height, width, rng), rng)
    if kind == "grid":
        across = _wave(_along(angle + np.pi / 2, height, width, rng), rng)
        pattern = np.maximum(pattern, across)
    return pattern


def _along(
    angle: float, height: int, width: int, rng: np.random.Generator
) -> np.ndarray:
    """The coordinate across lines at an angle, slightly bent: (height, width)."""
    y, x = np.mgrid[:height, :width]
    across = x * np.cos(angle) + y * np.sin(angle)
    along = y * np.cos(angle) - x * np.sin(angle)
    return across + rng.normal(0, 2e-4) * along**2


def _wave(u: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A sine, or lines of some width with edges of about a pixel, across u."""
    period = np.exp(rng.uniform(np.log(SHORTEST), np.log(LONGEST)))
    if rng.random() < 0.3:
        return 0.5 + 0.5 * np.sin(2 * np.pi * u / period)
    duty, edge = rng.uniform(0.2, 0.6), rng.uniform(1.0, 1.8)
    distance = np.abs((u / period + 0.5) % 1 - 0.5) * period
    return np.clip(0.5 + (duty * period / 2 - distance) / edge, 0, 1)


def _text(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Lines of random letters: (height, width) in [0, 1]."""
    size = int(rng.integers(9, 34))
    font = ImageFont.load_default(size)
    image = Image.new("L", (width, height))
    pen = ImageDraw.Draw(image)
    letters = list(string.ascii_letters + string.digits + "  .,;:-")
    for top in range(2, height, round(1.4 * size)):
        pen.text((4, top), "".join(rng.choice(letters, 60)), fill=255, font=font)
    return np.asarray(image, np.float64) / 255


if __name__ == "__main__":
    main()
