"""High dynamic range as a screen of standard range shows it: ITU-R BT.2446-1, method A.

The signal is decoded to light on a screen of 1000 cd/m2 (BT.2100: PQ, or HLG with its
system gamma), its luma compressed to 100 cd/m2, and BT.2020 becomes BT.709 (BT.2087).
"""

from __future__ import annotations

import functools

import numpy as np

PQ, HLG = 16, 18
"""Transfer characteristics in the numbers of ITU-T H.273."""

_PEAK = 1000.0  # cd/m2; PQ above it is shown as this.
_ROWS = 64
_LUMA = np.array([0.2627, 0.6780, 0.0593], np.float32)
_TO_BT709 = np.array(
    [
        [1.6605, -0.5876, -0.0728],
        [-0.1246, 1.1329, -0.0083],
        [-0.0182, -0.1006, 1.1187],
    ],
    np.float32,
)


def to_standard_range(signal: np.ndarray, transfer: int) -> np.ndarray:
    """Maps tones of an image.

    Args:
        signal: RGB (H, W, 3) uint16 over the whole range, BT.2020 as encoded by
            `transfer`.
        transfer: `PQ` or `HLG`.

    Returns:
        RGB (H, W, 3) uint8, BT.709 for a screen with a gamma of 2.4 (BT.1886).
    """
    out = np.empty(signal.shape, np.uint8)
    for top in range(0, len(signal), _ROWS):  # Floats of a few rows at a time.
        out[top : top + _ROWS] = _mapped(signal[top : top + _ROWS], transfer)
    return out


def _mapped(signal: np.ndarray, transfer: int) -> np.ndarray:
    light = _light(transfer)[signal]
    if transfer == HLG:
        light *= np.power(light @ _LUMA, 0.2)[..., None]  # The system gamma, 1.2.
    encoded = np.power(light, 1 / 2.4)  # R', G', B'.
    luma = encoded @ _LUMA
    mapped = _compressed(luma)
    ratio = mapped / (1.1 * np.maximum(luma, 1e-6))
    blue = ratio * (encoded[..., 2] - luma) / 1.8814
    red = ratio * (encoded[..., 0] - luma) / 1.4746
    mapped = mapped - np.maximum(0.1 * red, 0)
    encoded[..., 0] = mapped + 1.4746 * red
    encoded[..., 2] = mapped + 1.8814 * blue
    encoded[..., 1] = mapped - (0.2627 * 1.4746 * red + 0.0593 * 1.8814 * blue) / 0.6780
    shown = np.power(np.clip(encoded, 0, 1), 2.4) @ _TO_BT709.T
    return np.rint(255 * np.power(np.clip(shown, 0, 1), 1 / 2.4)).astype(np.uint8)


def _compressed(luma: np.ndarray) -> np.ndarray:
    high, low = (1 + 32 * (peak / 10000) ** (1 / 2.4) for peak in (_PEAK, 100.0))
    y = np.log1p((high - 1) * luma) / np.log(high)
    knee = np.where(
        y <= 0.7399,
        1.0770 * y,
        np.where(y < 0.9909, (-1.1510 * y + 2.7811) * y - 0.6302, 0.5 * y + 0.5),
    )
    return (np.power(low, knee) - 1) / (low - 1)


@functools.cache
def _light(transfer: int) -> np.ndarray:
    """Linear light in [0, 1] of each of 65536 levels of the signal (float32)."""
    signal = np.linspace(0, 1, 65536)
    if transfer == PQ:
        power = signal ** (32 / 2523)
        light = np.maximum(power - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * power)
        light = 10000 / _PEAK * light ** (16384 / 2610)
        return np.minimum(light, 1).astype(np.float32)
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    upper = (np.exp((signal - c) / a) + b) / 12
    light = np.where(signal <= 0.5, signal**2 / 3, upper)
    return np.clip(light, 0, 1).astype(np.float32)
