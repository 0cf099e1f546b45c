import json
import pathlib
import shutil

import numpy as np
import pytest

from egnet_tf.data import open_pairs
from egnet_tf.data import prepare as preparation
from egnet_tf.data.datasets.shards import ShardPairs
from egnet_tf.data.pairs import Pair, Pairs
from egnet_tf.data.prepare import begin, crop_corners, write_shards
from egnet_tf.errors import InputError

JOB = {"dataset": "noise", "crop": 16, "overlap": 8}


class Noise(Pairs):
    """Random images of several sizes; counts the reads, and can fail at one."""

    def __init__(self, count=5, fails_at=None):
        self.names = tuple(f"scene/{n}" for n in range(count))
        self.reads = []
        self.fails_at = fails_at

    def read(self, index):
        self.reads.append(index)
        if index == self.fails_at:
            raise KeyboardInterrupt
        rng = np.random.default_rng(index)
        size = (20 + index % 3, 30 - index % 4, 3)
        return Pair(*(rng.integers(0, 256, size, dtype=np.uint8) for _ in range(2)))


@pytest.fixture
def prepare(tmp_path, monkeypatch):
    """prepare(pairs, crop=16, overlap=8, name="a"): the folder it was written to."""
    monkeypatch.setattr(preparation, "PAIRS_PER_SHARD", 4)

    def run(pairs, *, crop=16, overlap=8, name="a", workers=2):
        folder = tmp_path / name / "train"
        job = begin(folder, JOB | {"crop": crop, "overlap": overlap}, pairs.names)
        done = []
        sizes = {"crop": crop, "overlap": overlap}
        write_shards(pairs, folder, job, workers=workers, progress=done.append, **sizes)
        assert sum(done) == len(pairs)
        return folder

    return run


def test_gopro_gives_the_16824_crops_of_the_field():
    assert crop_corners(720, 1280, 512, 256) == [
        (top, left) for top in (0, 208) for left in (0, 256, 512, 768)
    ]
    assert 2103 * len(crop_corners(720, 1280, 512, 256)) == 16824


@pytest.mark.parametrize(
    ("height", "width", "size", "overlap"),
    [(512, 512, 512, 256), (300, 700, 512, 256), (513, 1000, 512, 0), (77, 91, 16, 15)],
)
def test_crops_cover_everything_and_stay_inside(height, width, size, overlap):
    covered = np.zeros((height, width), int)
    for top, left in crop_corners(height, width, size, overlap):
        assert top + min(size, height) <= height
        assert left + min(size, width) <= width
        covered[top : top + size, left : left + size] += 1
    assert covered.min() >= 1


def test_records_are_the_crops_of_the_pairs(prepare):
    pairs = Noise()
    shards = ShardPairs(prepare(pairs))
    number = 0
    for index, name in enumerate(pairs.names):
        whole = pairs.read(index)
        corners = crop_corners(*whole.sharp.shape[:2], 16, 8)
        for k, (top, left) in enumerate(corners, start=1):
            assert shards.names[number] == f"{name}-{k}"
            for part, image in zip(shards.read(number), whole, strict=True):
                expected = image[top : top + 16, left : left + 16]
                np.testing.assert_array_equal(part, expected)
            number += 1
    assert number == len(shards) == shards.manifest["records"]
    assert shards.manifest["pairs"] == 5
    assert shards.manifest["dataset"] == "noise"
    assert [shard["name"] for shard in shards.manifest["shards"]] == [
        "shard-00000",
        "shard-00001",
    ]


@pytest.mark.parametrize("size", [12, 16, 24, 40])
def test_crops_are_those_of_the_whole_pairs(prepare, size):
    pairs = Noise()
    shards = ShardPairs(prepare(pairs, crop=0))
    assert shards.names == pairs.names
    # The first crop of a record reads and verifies all of it, later ones a strip.
    for seed in range(3):
        for index in range(len(pairs)):
            expected = pairs.crop(index, size, np.random.default_rng(seed))
            received = shards.crop(index, size, np.random.default_rng(seed))
            np.testing.assert_array_equal(received.blurry, expected.blurry)
            np.testing.assert_array_equal(received.sharp, expected.sharp)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_stopped_job_goes_on_and_ends_the_same(prepare):
    expected = contents(prepare(Noise(10), name="whole"))
    with pytest.raises(KeyboardInterrupt):
        prepare(Noise(10, fails_at=6), name="stopped", workers=1)
    pairs = Noise(10)
    folder = prepare(pairs, name="stopped", workers=1)
    # The first shard was complete. The third may have been written between the failure
    # of the second and the stop.
    assert pairs.reads in ([4, 5, 6, 7], [4, 5, 6, 7, 8, 9])
    assert contents(folder) == expected


def test_a_complete_job_reads_nothing_again(prepare):
    expected = contents(prepare(Noise()))
    pairs = Noise()
    assert contents(prepare(pairs)) == expected
    assert pairs.reads == []


def test_a_cut_shard_is_made_again(prepare):
    folder = prepare(Noise())
    expected = contents(folder)
    with open(folder / "shard-00001.bin", "r+b") as file:
        file.truncate(100)
    pairs = Noise()
    assert contents(prepare(pairs)) == expected
    assert pairs.reads == [4]


def test_another_job_does_not_go_on_in_the_same_folder(prepare, tmp_path):
    prepare(Noise())
    with pytest.raises(InputError, match="crop=16 there, 8 asked for"):
        prepare(Noise(), crop=8, overlap=4)
    with pytest.raises(InputError, match="pairs=5 there, 6 asked for"):
        prepare(Noise(6))
    (tmp_path / "b" / "train").mkdir(parents=True)
    (tmp_path / "b" / "train" / "holiday.jpg").touch()
    with pytest.raises(InputError, match=r"new or an empty folder. Received: .*train"):
        prepare(Noise(), name="b")


def test_one_changed_bit_is_found_on_reading(prepare):
    folder = prepare(Noise())
    with open(folder / "shard-00001.bin", "r+b") as file:
        file.seek(50)
        byte = file.read(1)[0]
        file.seek(50)
        file.write(bytes([byte ^ 1]))
    shards = ShardPairs(folder)
    first = shards.names.index("scene/4-1")
    shards.read(0)
    for read in (shards.read, lambda n: shards.crop(n, 8, np.random.default_rng(0))):
        with pytest.raises(InputError, match=r"scene/4-1. Received: damaged.*00001"):
            read(first)


def test_damage_to_the_lists_is_found_on_opening(prepare, tmp_path):
    folder = prepare(Noise())

    def broken(name, change):
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        change(copy / name)
        with pytest.raises(InputError) as caught:
            ShardPairs(copy)
        return str(caught.value)

    def cut(path):
        path.write_bytes(path.read_bytes()[:-1000])

    def rename(path):
        path.write_text(path.read_text().replace("scene/4-1", "scene/4-7"))

    assert "bytes in" in broken("shard-00000.bin", cut)
    assert "Received: 0" in broken("shard-00000.bin", pathlib.Path.unlink)
    assert "readable" in broken("shard-00000.json", cut)
    assert "another shard-00001.json" in broken("shard-00001.json", rename)
    assert "unfinished preparation" in broken("manifest.json", pathlib.Path.unlink)
    newer = json.dumps({"format": 2})
    message = broken("manifest.json", lambda path: path.write_text(newer))
    assert "Received: 2" in message


def test_shards_are_a_data_set(prepare):
    folder = prepare(Noise())
    shards = open_pairs(f"shards:{folder.parent}", split="train")
    assert len(shards) == len(ShardPairs(folder))
    with pytest.raises(InputError, match=r"test.manifest.json.*no such file"):
        open_pairs("shards", data_dir=str(folder.parent), split="test")
