import os
import time

import numpy as np
import pytest

from egnet_tf.data.datasets.camera_shake import CameraShakePairs
from egnet_tf.data.pairs import Pair, Pairs
from egnet_tf.data.pipeline import readable_errors, training_batches
from egnet_tf.errors import InputError
from egnet_tf.images.read import read_image
from egnet_tf.images.write import write_image
from helpers import random_image


class Noise(Pairs):
    """Random images; the sharp one is the blurry one inverted."""

    def __init__(self, count=7):
        self.names = tuple(f"{n}" for n in range(count))
        self.images = random_image((count, 20, 24, 3))

    def read(self, index):
        return Pair(self.images[index], 255 - self.images[index])


def batches(pairs, *, first_step=0, steps=6, batch=4, **options):
    options = {"crop": 16, "seed": 5} | options
    dataset = training_batches(
        pairs, batch=batch, first_step=first_step, steps=steps, **options
    )
    return list(dataset.as_numpy_iterator())


def assert_same(left, right):
    assert len(left) == len(right) > 0
    for a, b in zip(left, right, strict=True):
        for key in ("blurry", "sharp", "index"):
            np.testing.assert_array_equal(a[key], b[key])


def test_batches_are_the_named_pairs_in_unit_range():
    pairs = Noise()
    received = batches(pairs)
    for batch in received:
        assert batch["blurry"].dtype == batch["sharp"].dtype == np.float32
        assert batch["index"].dtype == np.int64
        assert batch["blurry"].shape == batch["sharp"].shape == (4, 16, 16, 3)
        np.testing.assert_allclose(batch["blurry"] + batch["sharp"], 1, atol=1e-6)
        levels = batch["blurry"] * 255
        np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)
        for crop, index in zip(levels, batch["index"], strict=True):
            # A crop's grey levels all come from the image its index names.
            image = pairs.images[index].reshape(-1, 3).tolist()
            pixels = np.rint(crop).astype(int).reshape(-1, 3)[:20].tolist()
            assert all(pixel in image for pixel in pixels)
    order = np.concatenate([batch["index"] for batch in received])
    assert sorted(order[:7]) == sorted(order[7:14]) == list(range(7))


def test_batch_shapes_are_static():
    dataset = training_batches(Noise(), crop=16, batch=4, seed=0, first_step=0, steps=2)
    shapes = {key: tuple(spec.shape) for key, spec in dataset.element_spec.items()}
    assert shapes == {
        "blurry": (4, 16, 16, 3),
        "sharp": (4, 16, 16, 3),
        "index": (4,),
    }
    assert len(dataset) == 2


def test_pipeline_opened_at_any_step_gives_the_batches_of_an_unbroken_run(tmp_path):
    write_image(tmp_path / "a.png", Noise().images[0])
    write_image(tmp_path / "b.png", Noise().images[1])
    blurred = CameraShakePairs({n: tmp_path / f"{n}.png" for n in "ab"}, seed=0)
    for pairs in (Noise(), blurred):
        whole = batches(pairs)
        assert_same(whole, batches(pairs))
        assert_same(whole[4:], batches(pairs, first_step=4, steps=2))


def test_another_seed_gives_other_batches():
    a, b = (batches(Noise(), seed=seed, steps=1)[0] for seed in (1, 2))
    assert (a["blurry"] != b["blurry"]).any()


def test_workers_share_the_global_batch():
    whole = batches(Noise())
    parts = [batches(Noise(), worker=worker, workers=2) for worker in range(2)]
    joined = [
        {key: np.concatenate([a[key], b[key]]) for key in a}
        for a, b in zip(*parts, strict=True)
    ]
    assert_same(whole, joined)
    with pytest.raises(InputError, match="Received: 4"):
        batches(Noise(), workers=3)


def test_pipeline_reads_ahead_no_more_than_documented():
    """However long the training, and however slow: what bounds the memory."""

    class Counted(Noise):
        reads = 0

        def read(self, index):
            self.reads += 1  # Threads may lose a count, never add one.
            return super().read(index)

    pairs, batch = Counted(), 4
    dataset = training_batches(
        pairs, crop=16, batch=batch, seed=0, first_step=0, steps=10_000
    )
    iterator = iter(dataset)
    for taken in range(1, 4):
        next(iterator)
        before = -1
        while before != pairs.reads:  # Until nothing more is read.
            before = pairs.reads
            time.sleep(0.5)
        # Two batches wait, one becomes float, one is put together; each thread has a
        # crop ready and reads the next one.
        assert pairs.reads <= (taken + 4) * batch + 2 * os.cpu_count()


def test_damaged_file_is_reported_in_one_line(tmp_path):
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    write_image(good, Noise().images[0])
    bad.write_bytes(good.read_bytes()[:100])
    with pytest.raises(InputError) as direct:
        read_image(bad)
    pairs = CameraShakePairs({"good": good, "bad": bad}, seed=0)
    with pytest.raises(InputError) as fetched, readable_errors():
        batches(pairs)
    assert str(fetched.value) == str(direct.value)
    assert fetched.value.__suppress_context__


def test_other_reading_errors_pass_unchanged():
    with pytest.raises(ZeroDivisionError), readable_errors():
        _ = 1 / 0


def test_empty_dataset_is_refused():
    with pytest.raises(InputError, match="none"):
        batches(Noise(count=0))
