"""Scores the networks of a phase on held-out pairs, by the Restorer of inference."""

from __future__ import annotations

from typing import NamedTuple

from egnet_tf.data import Pairs
from egnet_tf.evaluation.summary import mean_score
from egnet_tf.inference import Restorer
from egnet_tf.inference.runners.tensorflow import KerasRunner
from egnet_tf.metrics import PROTOCOLS
from egnet_tf.training.phases import Phase


class Validation(NamedTuple):
    """Mean scores of one validation: dB and SSIM, by the protocol `plain`.

    Those called blurry are of what was there before: of the blurry images, or, where
    results of other methods are fused, of the method with the highest PSNR.
    """

    psnr: float
    ssim: float
    blurry_psnr: float
    blurry_ssim: float


class Validator:
    """Restores and scores a phase's held-out pairs whenever it is called.

    The networks have their weights of that time. `count` is how many of the pairs to
    use; 0 is for all.
    """

    def __init__(self, phase: Phase, pairs: Pairs, count: int = 0):
        runner = KerasRunner(phase.network, phase.variant.size_multiple)
        self.restorer = Restorer(
            runner,
            ensemble=phase.ensemble,
            branches=phase.branches or None,
            model_tile=phase.variant.tile,
        )
        self.pairs = pairs
        self._count = count

    def __call__(self) -> Validation:
        """Scores the networks as they are now."""
        return validate(self.restorer, self.pairs, self._count)


def validate(restorer: Restorer, pairs: Pairs, count: int = 0) -> Validation:
    """Scores what a restorer makes of the first `count` pairs; 0 is for all."""
    score = PROTOCOLS["plain"].score
    restored, given = [], {title: [] for title in pairs.inputs}
    for index in range(min(count or len(pairs), len(pairs))):
        name, pair = pairs.names[index], pairs.read(index)
        restored.append((name, score(restorer(pair.blurry), pair.sharp)))
        for title, image in pairs.images_of(pair.blurry).items():
            given[title].append((name, score(image, pair.sharp)))
    after = mean_score(restored)
    before = max(map(mean_score, given.values()), key=lambda mean: mean.psnr)
    return Validation(after.psnr, after.ssim, before.psnr, before.ssim)
