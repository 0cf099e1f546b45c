"""Whether a photo needs deblurring, and whether it helped; see `metrics.blur`."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from egnet_tf.metrics.blur import blur_length, blur_level


class Sharpness(NamedTuple):
    """What is known of a photo.

    Attributes:
        before: length of its blur in pixels, None if it cannot be told.
        after: the same of the restored photo; None also where it was left as it is.
        left: whether it was left as it is, for it is sharp.
    """

    before: float | None
    after: float | None = None
    left: bool = False

    @property
    def hardly_improved(self) -> bool:
        """Whether the blur was strong and still is: docs/deblur.md has how often."""
        return blur_level(self.before) == blur_level(self.after) == "strong"

    def __str__(self) -> str:
        """One line: "strong blur, about 24 px; restored: about 9.1 px"."""
        found = found_blur(self.before)
        if self.left:
            return f"{found}; left as it is"
        return found if self.after is None else f"{found}; restored: {_px(self.after)}"


def found_blur(length: float | None) -> str:
    """The level in words, with the length: "mild blur, about 7.2 px"."""
    if length is None:
        return "blur unknown, too little detail"
    level = blur_level(length)
    return f"{'no' if level == 'none' else level} blur, {_px(length)}"


def _px(length: float) -> str:
    return f"about {length:.1f} px" if length < 9.95 else f"about {length:.0f} px"


class SharpnessWatch:
    """Looks at photos before and after they are restored, from any thread.

    Args:
        only_blurry: leave photos as they are in which no blur is found.

    Attributes:
        left: the photos that were left as they are.
    """

    def __init__(self, *, only_blurry: bool = False):
        self._only_blurry = only_blurry
        self._before: dict[Path, float | None] = {}
        self._news: collections.deque[tuple[Path, Sharpness]] = collections.deque()
        self.left: list[Path] = []

    def wants(self, source: Path, pixels: np.ndarray) -> bool:
        """Looks at a photo, RGB (H, W, 3); returns whether it is to be restored."""
        before = blur_length(pixels)
        if self._only_blurry and blur_level(before) == "none":
            self.left.append(source)
            self._news.append((source, Sharpness(before, left=True)))
            return False
        self._before[source] = before
        return True

    def restored(self, source: Path, pixels: np.ndarray) -> None:
        """Looks at the restored photo, once it is written."""
        before = self._before.pop(source)
        self._news.append((source, Sharpness(before, blur_length(pixels))))

    def news(self) -> Iterator[tuple[Path, Sharpness]]:
        """Yields once each photo that is done."""
        while self._news:
            yield self._news.popleft()
