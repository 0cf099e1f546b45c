import threading

import numpy as np
import pytest

from egnet_tf.inference import Restorer
from egnet_tf.inference.runners.pool import RunnerPool, in_order
from helpers import DarkeningRunner, random_image


class Gate(DarkeningRunner):
    """Waits in its first call until it is opened."""

    def __init__(self):
        super().__init__()
        self.begun, self.open = threading.Event(), threading.Event()

    def __call__(self, batch):
        self.begun.set()
        assert self.open.wait(30)
        return super().__call__(batch)


def images(count, size=16, seed=0):
    return [
        random_image((1, size, size, 3), seed + i, np.float32) for i in range(count)
    ]


def wait_behind(pool, gate, batches):
    """Hands in images while the first is still in the network."""
    futures = [pool.submit(batches[0])]
    assert gate.begun.wait(30)
    futures += [pool.submit(batch) for batch in batches[1:]]
    gate.open.set()
    return [future.result(30) for future in futures]


def test_what_waits_goes_through_the_network_together():
    gate = Gate()
    given = images(6)
    restored = wait_behind(RunnerPool([gate], batch=4), gate, given)
    assert gate.batches == [1, 4, 1]
    for before, after in zip(given, restored, strict=True):
        np.testing.assert_array_equal(after, before / 2)


def test_only_images_of_one_size_go_together_the_first_one_first():
    gate = Gate()
    given = [*images(2), *images(2, size=24), *images(2, seed=5)]
    restored = wait_behind(RunnerPool([gate], batch=3), gate, given)
    assert gate.batches == [1, 3, 2]
    for before, after in zip(given, restored, strict=True):
        np.testing.assert_array_equal(after, before / 2)


def test_batches_keep_to_their_memory_and_to_fixed_tiles():
    gate = Gate()
    wait_behind(RunnerPool([gate], batch=8, pixels=2 * 16 * 16), gate, images(5))
    assert gate.batches == [1, 2, 2]
    gate = Gate()
    gate.tile = 16
    wait_behind(RunnerPool([gate], batch=8), gate, images(3))
    assert gate.batches == [1, 1, 1]


def test_what_fails_in_a_batch_is_tried_alone():
    class Failing(Gate):
        def __call__(self, batch):
            restored = super().__call__(batch)
            if (batch > 1).any():
                raise ArithmeticError("too bright")
            return restored

    gate = Failing()
    pool = RunnerPool([gate], batch=4)
    given = images(5)
    given[2] = given[2] + 1
    futures = [pool.submit(given[0])]
    assert gate.begun.wait(30)
    futures += [pool.submit(batch) for batch in given[1:]]
    gate.open.set()
    for index, future in enumerate(futures):
        if index == 2:
            with pytest.raises(ArithmeticError, match="too bright"):
                future.result(30)
        else:
            np.testing.assert_array_equal(future.result(30), given[index] / 2)
    assert gate.batches == [1, 4, 1, 1, 1, 1]


def test_all_copies_are_at_work_at_once():
    together = threading.Barrier(3)

    class Meeting(DarkeningRunner):
        def __call__(self, batch):
            together.wait(30)  # Broken if the others do not come.
            return super().__call__(batch)

    copies = [Meeting() for _ in range(3)]
    restored = list(in_order(RunnerPool(copies), images(6)))
    for before, after in zip(images(6), restored, strict=True):
        np.testing.assert_array_equal(after, before / 2)
    assert sum(len(copy.batches) for copy in copies) == 6


def test_what_waits_is_given_up():
    gate = Gate()
    pool = RunnerPool([gate])
    passes = in_order(pool, images(9))
    opening = threading.Timer(0.05, gate.open.set)
    opening.start()
    next(passes)
    passes.close()
    gate.open.clear()
    first, second = pool.submit(images(1)[0]), pool.submit(images(1)[0])
    pool.give_up()
    assert second.cancelled()
    gate.open.set()
    assert first.cancelled() or first.result(30) is not None
    np.testing.assert_array_equal(pool(images(1)[0]), images(1)[0] / 2)
    assert sum(gate.batches) <= 4


@pytest.mark.parametrize("strength", [1.0, 0.3])
def test_several_copies_restore_an_image_as_one_does(strength):
    class Uneven(DarkeningRunner):
        def __call__(self, batch):
            self.batches.append(len(batch))
            ramp = np.linspace(0.5, 1, batch.shape[1], dtype=np.float32)
            return batch * ramp[:, None, None]

    image = random_image((150, 131, 3))
    copies = [Uneven() for _ in range(3)]
    alone = Restorer(copies[0], tile=32)
    joined = alone.side_by_side([Restorer(x, tile=32) for x in copies[1:]], batch=2)
    expected = alone(image, strength=strength)
    tiles = alone.plan(150, 131).tiles
    copies[0].batches.clear()
    done = []
    restored = image.copy()
    joined(
        restored,
        strength=strength,
        out=restored,
        on_tile=lambda *tile: done.append(tile),
    )
    np.testing.assert_array_equal(restored, expected)
    assert done == [(number + 1, tiles) for number in range(tiles)]
    assert sum(sum(copy.batches) for copy in copies) == tiles


def test_batches_take_at_most_half_of_the_memory_limit():
    gate = Gate()
    limit = int(2 * 2.5 * 32 * 32 * gate.bytes_per_pixel)
    restorer = Restorer(gate, model_tile=32, memory_limit=limit)
    pool = restorer.side_by_side(batch=8).runner
    wait_behind(pool, gate, images(6, size=32))
    assert gate.batches == [1, 2, 2, 1]
