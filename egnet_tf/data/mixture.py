"""Several datasets as one, each with its share of the training samples."""

from __future__ import annotations

import bisect
import functools
import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from egnet_tf.data.pairs import Pair, Pairs
from egnet_tf.errors import InputError

_BLOCK = 1000


class MixedPairs(Pairs):
    """Datasets side by side; names are prefixed with the source's.

    Of training samples each source gets a share in proportion to its weight,
    whatever its size: exactly so in every 1000 samples, up to rounding, in shuffled
    order. Within a source each pair comes once before any comes again.

    Args:
        sources: name to dataset.
        weights: one for each source, positive.

    Raises:
        InputError: a weight is not positive, or so small that no sample is left.
    """

    def __init__(self, sources: Mapping[str, Pairs], weights: Sequence[float]):
        self._sources = tuple(sources.values())
        self._starts = [
            0,
            *itertools.accumulate(len(source) for source in self._sources),
        ]
        self.names = tuple(
            f"{prefix}/{name}"
            for prefix, source in sources.items()
            for name in source.names
        )
        self._shares = _shares(weights)

    def source_files(self) -> Iterable[Path]:
        """See `Pairs.source_files`."""
        every = (source.source_files() for source in self._sources)
        return dict.fromkeys(itertools.chain.from_iterable(every))

    def read(self, index: int) -> Pair:
        """See `Pairs.read`."""
        source, index = self._locate(index)
        return source.read(index)

    def crop(self, index: int, size: int, rng: np.random.Generator) -> Pair:
        """See `Pairs.crop`."""
        source, index = self._locate(index)
        return source.crop(index, size, rng)

    def draw(self, number: int, seed: int) -> int:
        """Chooses the source by the weights and its next pair; see `Pairs.draw`."""
        block, position = divmod(number, _BLOCK)
        order, rank = _block_order(self._shares, seed, block)
        source = int(order[position])
        before = block * self._shares[source] + int(rank[position])
        # Another seed for each source, so that equal sizes are not in step.
        index = self._sources[source].draw(before, seed + 1 + source)
        return self._starts[source] + index

    def _locate(self, index: int) -> tuple[Pairs, int]:
        source = bisect.bisect_right(self._starts, index) - 1
        return self._sources[source], index - self._starts[source]


def _shares(weights: Sequence[float]) -> tuple[int, ...]:
    """Samples of each source in a block, by the largest remainders."""
    if not all(weight > 0 and np.isfinite(weight) for weight in weights):
        raise InputError(f"Expected positive weights. Received: {list(weights)}")
    exact = np.asarray(weights, float) / sum(weights) * _BLOCK
    shares = np.floor(exact).astype(int)
    largest = np.argsort(shares - exact, kind="stable")[: _BLOCK - shares.sum()]
    shares[largest] += 1
    if not shares.all():
        raise InputError(
            f"Expected weights that give each source at least 1 of {_BLOCK} samples. "
            f"Received: {list(weights)}"
        )
    return tuple(shares.tolist())


@functools.lru_cache(maxsize=8)
def _block_order(
    shares: tuple[int, ...], seed: int, block: int
) -> tuple[np.ndarray, np.ndarray]:
    """Which source each sample of a block is from, and its rank within that source."""
    order = np.repeat(np.arange(len(shares)), shares)
    np.random.default_rng((seed, 3, block)).shuffle(order)
    rank = np.empty_like(order)
    for source, share in enumerate(shares):
        rank[order == source] = np.arange(share)
    return order, rank
