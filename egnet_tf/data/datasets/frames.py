"""The dataset `frames`: blurry images averaged from high-speed frames.

A folder of sequences, each a folder of successive frames (or one such folder). A
window of m successive frames, m odd, makes a pair: their mean is blurry, the middle
frame is sharp. So GoPro was made, from 240 frames a second and m = 7 ... 13 (Nah et
al., CVPR 2017, Section 2). Frames are v in [0, 1]:

    linear:   blurry = mean(v)                   GoPro's `blur`
    gamma:    blurry = mean(v^2.2)^(1/2.2)       GoPro's `blur_gamma`

Every size m cuts each sequence into windows that do not overlap. Where numbers in the
file names jump, frames are missing: no window reaches across.
"""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from egnet_tf.data.pairs import Pair, Pairs, random_corner, window
from egnet_tf.data.registry import Request, dataset
from egnet_tf.data.splits import split_images, split_names
from egnet_tf.errors import InputError
from egnet_tf.images.cache import Reader, cached_reader
from egnet_tf.images.convert import to_uint8
from egnet_tf.options import check, option

WINDOWS = (7, 9, 11, 13)

_GAMMA = 2.2
_LIGHT_OF_BYTE = ((np.arange(256) / 255.0) ** _GAMMA).astype(np.float32)


def average(frames: Sequence[np.ndarray], blur: str) -> np.ndarray:
    """The image of an exposure that lasts over all frames, uint8 of equal shape.

    `blur` is "linear" or "gamma"; the equations are above.

    Returns:
        uint8, rounded.
    """
    if blur == "linear":
        total = np.zeros(frames[0].shape, np.uint32)
        for frame in frames:
            total += frame
        return np.rint(total / len(frames)).astype(np.uint8)
    light = np.zeros(frames[0].shape, np.float32)
    for frame in frames:
        light += _LIGHT_OF_BYTE[frame]
    return to_uint8((light / len(frames)) ** (1 / _GAMMA))


class AveragedFrames(Pairs):
    """Pairs made of windows of frames when they are read.

    `windows` maps the name of a pair to the files of its frames, an odd number.
    """

    def __init__(
        self,
        windows: Mapping[str, Sequence[Path]],
        *,
        blur: str,
        read: Reader | None = None,
    ):
        self.names = tuple(windows)
        self._windows = tuple(windows.values())
        self._blur = blur
        self._read = read or cached_reader()

    def source_files(self) -> Iterable[Path]:
        """See `Pairs.source_files`."""
        return dict.fromkeys(file for frames in self._windows for file in frames)

    def read(self, index: int) -> Pair:
        """Averages whole frames; see `Pairs.read`."""
        frames = self._frames(index)
        return Pair(average(frames, self._blur), frames[len(frames) // 2])

    def crop(self, index: int, size: int, rng: np.random.Generator) -> Pair:
        """As `Pairs.crop`; only the window is averaged."""
        frames = self._frames(index)
        height, width = frames[0].shape[:2]
        top, left = random_corner(height, width, size, rng)
        frames = [window(frame, top, left, size, size) for frame in frames]
        return Pair(average(frames, self._blur), frames[len(frames) // 2])

    def _frames(self, index: int) -> list[np.ndarray]:
        frames = [self._read(path) for path in self._windows[index]]
        if len({frame.shape for frame in frames}) > 1:
            raise InputError(
                "Expected frames of one size. Received: several in the window "
                f"{self.names[index]} of {self._windows[index][0].parent}"
            )
        return frames


@dataclasses.dataclass(frozen=True)
class FramesOptions:
    """How high-speed frames become blurry images."""

    blur: str = option(
        "linear",
        "What --dataset=frames averages: linear is the stored values, as in GoPro's "
        "blur, gamma is light under a gamma of 2.2, as in blur_gamma.",
        choices=("linear", "gamma"),
    )
    windows: tuple[int, ...] = option(
        WINDOWS, "Odd numbers of frames that --dataset=frames averages.", lower=1
    )

    def __post_init__(self):
        check(self)
        if not self.windows or any(m % 2 == 0 for m in self.windows):
            raise InputError(
                "Expected odd numbers for --frames_windows. "
                f"Received: {','.join(map(str, self.windows)) or 'none'}"
            )


@dataset("frames", FramesOptions)
def open_frames(request: Request, options: FramesOptions) -> AveragedFrames:
    """Opens one split of a folder of sequences of frames, or of one sequence.

    The folder may hold train/ and test/, otherwise a tenth of the sequences is held
    out.

    Returns:
        Pairs named `sequence/middle frame_m`, such as `GOPR0477_11_00/000004_7`.

    Raises:
        InputError: no folder, or no sequence long enough.
    """
    root, found, own = split_images(request)
    sequences = collections.defaultdict(list)
    for file in found.values():
        name = file.parent.relative_to(root).as_posix()
        sequences[root.name if name == "." else name].append(file)
    names = list(sequences)
    if not own:
        names = split_names(names, request.split, "sequences")
    windows = {
        f"{name}/{frames[m // 2].stem}_{m}": frames
        for name in names
        for m in sorted(set(options.windows))
        for run in _unbroken(sequences[name])
        for frames in (run[i : i + m] for i in range(0, len(run) - m + 1, m))
    }
    if not windows:
        raise InputError(
            f"Expected sequences of at least {min(options.windows)} successive frames "
            f"in {root}. Received: {len(sequences)} folders of images, none so long"
        )
    return AveragedFrames(windows, blur=options.blur, read=request.read)


def _unbroken(frames: list[Path]) -> list[list[Path]]:
    """Cuts a sequence where its numbers jump."""
    digits = [[int(part) for part in re.findall(r"\d+", x.stem)] for x in frames]
    place = -1
    if len({len(numbers) for numbers in digits}) == 1:
        # The last number that is not the same in all names: 001 of frame_001_x2.
        columns = list(zip(*digits, strict=True))
        varying = [i for i, column in enumerate(columns) if len(set(column)) > 1]
        place = varying[-1] if varying else -1
    runs: list[list[Path]] = []
    expected = None
    for frame, numbers in zip(frames, digits, strict=True):
        number = numbers[place] if numbers else None
        gap = None not in (expected, number) and number != expected
        if gap or not runs:
            runs.append([])
        runs[-1].append(frame)
        expected = None if number is None else number + 1
    return runs
