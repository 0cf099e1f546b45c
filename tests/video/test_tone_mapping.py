import math

import numpy as np
import pytest

from egnet_tf.video.tone_mapping import HLG, PQ, to_standard_range


def light(signal, transfer):
    """cd/m2 of one pixel on a screen of 1000 cd/m2: ITU-R BT.2100, tables 4 and 5."""
    if transfer == PQ:
        m1, m2 = 2610 / 16384, 2523 / 4096 * 128
        c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
        powers = [s ** (1 / m2) for s in signal]
        return [
            min(10000 * (max(p - c1, 0) / (c2 - c3 * p)) ** (1 / m1), 1000)
            for p in powers
        ]
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = [
        s * s / 3 if s <= 0.5 else (math.exp((s - c) / a) + b) / 12 for s in signal
    ]
    y = 0.2627 * scene[0] + 0.6780 * scene[1] + 0.0593 * scene[2]
    return [1000 * y**0.2 * e for e in scene]


def mapped(signal, transfer):
    """Levels of one pixel: the steps of ITU-R BT.2446-1, 4.2, then BT.2087."""
    r, g, b = ((max(value, 0) / 1000) ** (1 / 2.4) for value in light(signal, transfer))
    y = 0.2627 * r + 0.6780 * g + 0.0593 * b
    high = 1 + 32 * (1000 / 10000) ** (1 / 2.4)
    low = 1 + 32 * (100 / 10000) ** (1 / 2.4)
    p = math.log(1 + (high - 1) * y) / math.log(high)
    if p <= 0.7399:
        c = 1.0770 * p
    elif p < 0.9909:
        c = -1.1510 * p * p + 2.7811 * p - 0.6302
    else:
        c = 0.5 * p + 0.5
    sdr = (low**c - 1) / (low - 1)
    f = sdr / (1.1 * y) if y else 0
    cb, cr = f * (b - y) / 1.8814, f * (r - y) / 1.4746
    luma = sdr - max(0.1 * cr, 0)
    r, b = luma + 1.4746 * cr, luma + 1.8814 * cb
    g = luma - 0.16455 * cb - 0.57135 * cr
    r, g, b = (min(max(x, 0), 1) ** 2.4 for x in (r, g, b))
    shown = (
        1.6605 * r - 0.5876 * g - 0.0728 * b,
        -0.1246 * r + 1.1329 * g - 0.0083 * b,
        -0.0182 * r - 0.1006 * g + 1.1187 * b,
    )
    return [255 * min(max(x, 0), 1) ** (1 / 2.4) for x in shown]


@pytest.mark.parametrize("transfer", [PQ, HLG], ids=["PQ", "HLG"])
def test_tones_are_mapped_by_the_recommendation(transfer):
    rng = np.random.default_rng(0)
    signal = rng.integers(0, 65536, (70, 5, 3), np.uint16)
    signal[0, :, :] = [[0], [20000], [40000], [46000], [65535]]
    got = to_standard_range(signal, transfer)
    expected = [
        [mapped([float(s) / 65535 for s in pixel], transfer) for pixel in row]
        for row in signal
    ]
    np.testing.assert_allclose(got, expected, atol=0.75)
    assert (np.ptp(got[0], axis=-1) <= 1).all()  # Grey stays grey.
    assert (np.diff(got[0, :, 1].astype(int)) > 0).all()
    assert got[0, 0].tolist() == [0, 0, 0] and got[0, -1].min() == 255


def test_reference_white_is_the_same_in_both():
    """203 cd/m2 are 58% of PQ and 75% of HLG (ITU-R BT.2408)."""
    levels = [
        to_standard_range(np.full((1, 1, 3), round(65535 * s), np.uint16), transfer)
        for s, transfer in ((0.58, PQ), (0.75, HLG))
    ]
    assert np.ptp(levels) <= 2
