"""Windows of an image that are shown enlarged, and how they are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_LEAST = 0.25
"""Of the first window's sum, what another must have.

Empty places of photographs, such as a sky, have 0.1 to 0.2 of it.
"""


class Zoom(NamedTuple):
    """A window of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, image: np.ndarray) -> np.ndarray:
        """The window of an image (H, W, ...): (height, width, ...), a view."""
        rows = slice(self.top, self.top + self.height)
        return image[rows, self.left : self.left + self.width]


def largest_differences(
    images: Sequence[np.ndarray],
    size: tuple[int, int],
    count: int = 1,
    sharp: np.ndarray | None = None,
) -> list[Zoom]:
    """The windows in which images differ most where there is something to see.

    A pixel counts with the difference of the largest and the smallest value there,
    summed over the colours, times the fine detail around it: images also differ along
    soft edges and by noise in flat areas, where there is nothing to restore. A band of
    an eighth of a window along the borders, where every method has its artefacts, is
    left out.

    Args:
        images: uint8 (H, W, 3) of one size, two or more.
        size: height and width of the windows in pixels, clipped to the image.
        count: how many; an eighth of a window, at least, is between two, so that no
            frame covers another. Fewer are found in a small image, or where little is
            left: a window has a quarter of the first one's sum, at least.
        sharp: the image whose detail counts; by default the mean of the others.

    Returns:
        The windows, the one with the largest sum first.
    """
    import cv2  # Of the extra `train`.

    rows, columns = images[0].shape[:2]
    height, width = max(1, min(size[0], rows)), max(1, min(size[1], columns))
    highest, lowest = images[0], images[0]
    for image in images[1:]:
        highest, lowest = np.maximum(highest, image), np.minimum(lowest, image)
    difference = cv2.subtract(highest, lowest).sum(axis=-1, dtype=np.float64)
    seen = images if sharp is None else [sharp]
    grey = np.mean([image.mean(axis=-1) for image in seen], axis=0)
    detail = np.abs(grey - cv2.blur(grey, (5, 5)))
    reach = max(width // 4, 3), max(height // 4, 3)
    sums = cv2.integral(difference * cv2.blur(detail, reach))
    upper, lower = sums[:-height], sums[height:]
    windows = (
        lower[:, width:] - lower[:, :-width] - upper[:, width:] + upper[:, :-width]
    )
    for axis, length in enumerate((height, width)):
        margin = min(length // 8, (windows.shape[axis] - 1) // 2)
        border = np.moveaxis(windows, axis, 0)
        border[:margin] = border[len(border) - margin :] = -1
    found: list[Zoom] = []
    least = max(_LEAST * windows.max(), 0)
    while len(found) < count and windows.max() >= least:
        top, left = map(int, np.unravel_index(np.argmax(windows), windows.shape))
        found.append(Zoom(top, left, height, width))
        # Any window that begins here would overlap this one, or nearly.
        down, across = height + height // 8, width + width // 8
        windows[
            max(top - down + 1, 0) : top + down,
            max(left - across + 1, 0) : left + across,
        ] = -1
    return found
