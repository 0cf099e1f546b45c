"""The number formats of LiteRT files, and how far each may be from Keras."""

from __future__ import annotations

import math

from ..checks.parity import Tolerance

TOLERANCES = {
    # Differs by the order of its sums.
    "float32": Tolerance(1e-4, 0.001),
    # 11 bits of nearly every weight, a relative 5e-4, which adds up through the layers.
    "float16": Tolerance(4e-3, 0.01),
    # Integers of 8 bits: single values may be off by more than a person would see
    # anywhere, so the loss in dB is what is limited.
    "dynamic": Tolerance(math.inf, 0.1),
    "int8": Tolerance(math.inf, 0.1),
    # NPUs: what is exact in an int8 file, above all the stems, is rounded here too.
    "int8_full": Tolerance(math.inf, 0.2),
    "int16x8": Tolerance(math.inf, 0.05),
}
"""float32   weights and arithmetic in float32
float16   weights but the stems' in float16, arithmetic in float32 or, on GPUs, float16
dynamic   weights in int8; activations quantised on the fly where that pays
int8      weights and activations in int8, but for a few operators in float32
int8_full weights and activations in int8, input and output in uint8, nothing in float
int16x8   weights in int8, activations in int16"""

CALIBRATED = ("int8", "int8_full", "int16x8")
"""The modes whose ranges are measured on images."""
