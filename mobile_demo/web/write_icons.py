"""Writes the page's icons and its colour probe: python mobile_demo/web/write_icons.py.

The icons are drawings of static/icon.svg: as it is for browsers, full-bleed for phones,
which cut their own shape out of it. Of a maskable one the middle 80% must hold all.
"""

from __future__ import annotations

from pathlib import Path

import pyvips
from PIL import Image, ImageCms

_STATIC = Path(__file__).parent / "static"
_BACKGROUND = '<rect width="64" height="64" rx="15" fill="#0f6b5c" />'


def draw(svg: str, side: int, name: str) -> None:
    """Draws the icon as a square PNG file."""
    image = pyvips.Image.svgload_buffer(svg.encode(), scale=side / 64)
    image.pngsave(str(_STATIC / name), keep="none", palette=True, effort=10)


def swapped_profile() -> bytes:
    """The profile of sRGB with red called blue and blue called red."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"?XYZ", 1)
    return swapped.replace(b"bXYZ", b"rXYZ", 1).replace(b"?XYZ", b"bXYZ", 1)


def main() -> None:
    """Writes static/icon-*.png, apple-touch-icon.png and colour_probe.png."""
    svg = (_STATIC / "icon.svg").read_text()
    sized = svg.replace("<svg ", '<svg width="64" height="64" ')
    full = sized.replace(' rx="15"', "")
    # Behind the drawing at four fifths, another background up to the edges.
    scaled = '<g transform="translate(6.4 6.4) scale(0.8)">'
    maskable = full.replace(_BACKGROUND.replace(' rx="15"', ""), "")
    start, rest = maskable.split(">", 1)
    maskable = start + ">" + _BACKGROUND.replace(' rx="15"', "") + scaled + rest
    maskable = maskable.replace("</svg>", "</g></svg>")
    draw(sized, 192, "icon-192.png")
    draw(sized, 512, "icon-512.png")
    draw(maskable, 512, "icon-maskable-512.png")
    draw(full, 180, "apple-touch-icon.png")
    Image.new("RGB", (1, 1), (255, 0, 0)).save(
        _STATIC / "colour_probe.png", icc_profile=swapped_profile()
    )


if __name__ == "__main__":
    main()
