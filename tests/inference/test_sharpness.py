import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage import data

from egnet_tf.inference import Restorer
from egnet_tf.inference.photos import Job, restore_photos
from egnet_tf.inference.sharpness import Sharpness, SharpnessWatch
from egnet_tf.metrics.blur import blur_length
from helpers import DarkeningRunner

SHARP = np.ascontiguousarray(data.astronaut()[::2, ::2])
BLURRY = ndimage.uniform_filter1d(SHARP, 21, axis=1)


class Repairing(DarkeningRunner):
    """Gives back the sharp photo whatever it is given."""

    def __call__(self, batch):
        assert batch.shape[1:3] == SHARP.shape[:2]
        return np.repeat(SHARP[None].astype(np.float32) / 255, len(batch), axis=0)


@pytest.fixture
def jobs(tmp_path):
    made = {"sharp": SHARP, "blurry": BLURRY, "plain": np.full_like(SHARP, 99)}
    for name, pixels in made.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    return [
        Job(tmp_path / f"{name}.png", tmp_path / f"out/{name}.png") for name in made
    ]


@pytest.mark.parametrize("batch", [1, 3])
def test_photos_are_looked_at_before_and_after(jobs, batch):
    watch = SharpnessWatch()
    assert not restore_photos(Restorer(Repairing()), jobs, batch=batch, watch=watch)
    found = {source.stem: known for source, known in watch.news()}
    sharp, blurry = blur_length(SHARP), blur_length(BLURRY)
    assert found == {
        "sharp": Sharpness(sharp, sharp),
        "blurry": Sharpness(blurry, sharp),
        "plain": Sharpness(None, sharp),
    }
    assert sharp < 3 < 12 < blurry
    assert not list(watch.news()) and not watch.left
    assert not any(known.hardly_improved for known in found.values())


def test_only_blurry_leaves_sharp_photos_out(jobs):
    watch = SharpnessWatch(only_blurry=True)
    assert not restore_photos(Restorer(Repairing()), jobs, watch=watch)
    assert watch.left == [jobs[0].source]
    assert [job.target.exists() for job in jobs] == [False, True, True]
    assert dict(watch.news())[jobs[0].source].left


def test_failed_photo_is_said_nothing_of(jobs):
    jobs[1].source.write_bytes(b"")
    watch = SharpnessWatch()
    assert list(restore_photos(Restorer(Repairing()), jobs, watch=watch)) == [
        jobs[1].source
    ]
    assert jobs[1].source not in dict(watch.news())


def test_sharpness_is_one_line():
    assert str(Sharpness(24.2, 9.06)) == (
        "strong blur, about 24 px; restored: about 9.1 px"
    )
    assert str(Sharpness(1.24, left=True)) == "no blur, about 1.2 px; left as it is"
    assert str(Sharpness(3.0, None)) == "mild blur, about 3.0 px"
    assert str(Sharpness(None, 3.0)) == (
        "blur unknown, too little detail; restored: about 3.0 px"
    )


def test_strong_blur_that_stays_strong_is_hardly_improved():
    assert Sharpness(40.0, 38.0).hardly_improved
    assert not Sharpness(40.0, 10.0).hardly_improved
    assert not Sharpness(5.0, 5.0).hardly_improved  # Mild: nobody is warned.
    assert not Sharpness(40.0, None).hardly_improved
