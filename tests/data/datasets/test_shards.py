import json
import os
import pathlib

import numpy as np
import pytest

from egnet_tf.data import open_pairs
from egnet_tf.data.datasets.shards import ShardPairs
from egnet_tf.data.pairs import Pair, Pairs
from egnet_tf.data.prepare import _save, begin, crop_corners, write_shards
from egnet_tf.errors import InputError
from helpers import random_image

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
        size = (20 + index % 3, 30 - index % 4, 3)
        return Pair(*random_image((2, *size), seed=index))


@pytest.fixture
def prepare(tmp_path):
    """prepare(pairs, crop=16, overlap=8, name="a"): the folder it was written to."""

    def run(pairs, *, crop=16, overlap=8, name="a", workers=2):
        folder = tmp_path / name / "train"
        job = begin(folder, JOB | {"crop": crop, "overlap": overlap}, pairs.names)
        done = []
        sizes = {"crop": crop, "overlap": overlap}
        write_shards(pairs, folder, job, workers=workers, progress=done.append, **sizes)
        assert sum(done) == len(pairs)
        return folder

    return run


def test_gopro_gives_the_customary_16824_crops():
    assert crop_corners(720, 1280, 512, 256) == [
        (top, left) for top in (0, 208) for left in (0, 256, 512, 768)
    ]
    assert 2103 * len(crop_corners(720, 1280, 512, 256)) == 16824


@pytest.mark.parametrize(
    ("height", "width", "size", "overlap"),
    [(512, 512, 512, 256), (300, 700, 512, 256), (513, 1000, 512, 0), (77, 91, 16, 15)],
)
def test_shard_crops_cover_the_image_and_stay_inside(height, width, size, overlap):
    covered = np.zeros((height, width), int)
    for top, left in crop_corners(height, width, size, overlap):
        assert top + min(size, height) <= height
        assert left + min(size, width) <= width
        covered[top : top + size, left : left + size] += 1
    assert covered.min() >= 1


def test_shards_hold_the_crops_of_the_pairs(prepare):
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
    assert number == len(shards)
    assert shards.manifest["pairs"] == 5
    assert shards.manifest["dataset"] == "noise"


@pytest.mark.parametrize("size", [12, 16, 24, 40])
def test_crops_of_shards_equal_those_of_the_whole_pairs(prepare, size):
    pairs = Noise()
    shards = ShardPairs(prepare(pairs, crop=0))
    assert shards.names == pairs.names
    # The first crop of a shard reads and verifies all of it, later ones a strip.
    for seed in range(3):
        for index in range(len(pairs)):
            expected = pairs.crop(index, size, np.random.default_rng(seed))
            received = shards.crop(index, size, np.random.default_rng(seed))
            np.testing.assert_array_equal(received.blurry, expected.blurry)
            np.testing.assert_array_equal(received.sharp, expected.sharp)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_shards_are_what_numpy_writes(prepare, tmp_path):
    file = prepare(Noise()) / "000002.npy"
    np.save(tmp_path / "numpy.npy", np.load(file))
    assert (tmp_path / "numpy.npy").read_bytes() == file.read_bytes()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no small disk")
def test_full_disk_is_named_by_its_error():
    with pytest.raises(OSError, match="No space left"):
        _save(pathlib.Path("/dev/full"), np.zeros((1, 2, 512, 512, 3), np.uint8))


def test_interrupted_preparation_resumes_to_the_same_shards(prepare):
    expected = contents(prepare(Noise(10), name="whole"))
    with pytest.raises(KeyboardInterrupt):
        prepare(Noise(10, fails_at=6), name="stopped", workers=1)
    pairs = Noise(10)
    folder = prepare(pairs, name="stopped", workers=1)
    # Some of the next may have been written between the failure and the stop.
    assert 6 in pairs.reads and min(pairs.reads) == 6
    assert contents(folder) == expected


def test_complete_preparation_reads_nothing_again(prepare):
    expected = contents(prepare(Noise()))
    pairs = Noise()
    assert contents(prepare(pairs)) == expected
    assert pairs.reads == []


def cut(path):
    path.write_bytes(path.read_bytes()[:-1000])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-50] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, flip_a_bit, pathlib.Path.unlink])
def test_damaged_shard_is_written_again(prepare, damage):
    folder = prepare(Noise())
    expected = contents(folder)
    damage(folder / "000004.npy")
    pairs = Noise()
    assert contents(prepare(pairs)) == expected
    assert pairs.reads == [4]


def test_different_preparation_is_refused_in_the_same_folder(prepare, tmp_path):
    prepare(Noise())
    with pytest.raises(InputError, match="crop=16 there, 8 asked for"):
        prepare(Noise(), crop=8, overlap=4)
    with pytest.raises(InputError, match="pairs=5 there, 6 asked for"):
        prepare(Noise(6))
    (tmp_path / "b" / "train").mkdir(parents=True)
    (tmp_path / "b" / "train" / "holiday.jpg").touch()
    with pytest.raises(InputError, match=r"new or an empty folder. Received: .*train"):
        prepare(Noise(), name="b")


def test_flipped_bit_is_found_on_reading(prepare):
    folder = prepare(Noise())
    flip_a_bit(folder / "000004.npy")
    shards = ShardPairs(folder)
    last = len(shards) - 1
    shards.read(0)
    for read in (shards.read, lambda n: shards.crop(n, 8, np.random.default_rng(0))):
        with pytest.raises(InputError, match=r"scene/4-\d. Received: damaged.*000004"):
            read(last)


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("000003.npy", cut, "whole shard: prepare it again. Received: .*000003"),
        ("000003.npy", pathlib.Path.unlink, "whole shard.*000003"),
        ("manifest.json", cut, "readable JSON"),
        ("manifest.json", pathlib.Path.unlink, "an unfinished preparation"),
        ("manifest.json", lambda path: path.write_text('{"format": 9}'), "Received: 9"),
    ],
)
def test_other_damage_of_shards_is_found_on_opening(prepare, name, damage, message):
    folder = prepare(Noise())
    damage(folder / name)
    with pytest.raises(InputError, match=message):
        ShardPairs(folder)


def test_shards_open_as_a_dataset(prepare):
    folder = prepare(Noise())
    shards = open_pairs(f"shards:{folder.parent}", split="train")
    assert len(shards) == len(ShardPairs(folder))
    with pytest.raises(InputError, match=r"test.manifest.json.*no such file"):
        open_pairs("shards", data_dir=str(folder.parent), split="test")


def mutated(content, rng):
    """Bytes of a file with flips, a cut, or a number replaced by a huge one."""
    content, kind = bytearray(content), rng.integers(3)
    if kind == 0:
        for position in rng.integers(0, len(content), rng.integers(1, 9)):
            content[position] = rng.integers(256)
    elif kind == 1:
        del content[rng.integers(len(content)) :]
    else:
        digits = [i for i, byte in enumerate(content) if 48 <= byte <= 57]
        position = digits[rng.integers(len(digits))]
        content[position : position + 1] = b"9" * int(rng.integers(1, 20))
    return bytes(content)


@pytest.mark.parametrize("name", ["000003.npy", "manifest.json"])
def test_mutated_shards_are_read_right_or_refused(prepare, name):
    folder = prepare(Noise())
    sound = ShardPairs(folder)
    expected = {x: sound.read(i) for i, x in enumerate(sound.names)}
    content = (folder / name).read_bytes()
    header = content[:128] if name.endswith("npy") else content
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = mutated(header, rng) + content[len(header) :]
        (folder / name).write_bytes(damaged)
        try:
            shards = ShardPairs(folder)
            for index, found in enumerate(shards.names):
                pair = shards.read(index)
                for one, other in zip(pair, expected.get(found, pair), strict=True):
                    assert one.shape == other.shape and (one == other).all()
        except InputError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    "shards",
    [
        None,
        {},
        "x",
        [1],
        [[]],
        [{"a": None}],
        [{"a": "1"}],
        [{"a": 1.5}],
        [{"a": True}],
    ],
    ids=repr,
)
def test_manifest_of_other_values_is_refused(prepare, shards):
    folder = prepare(Noise())
    manifest = {"format": 2, "shards": shards}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="Received: "):
        ShardPairs(folder)


def test_header_of_a_huge_array_takes_no_memory(prepare):
    folder = prepare(Noise())
    shape = (1 << 40, 2, 16, 16, 3)
    with (folder / "000003.npy").open("wb") as file:
        about = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_2_0(file, about)
    with pytest.raises(InputError, match="whole shard"):
        ShardPairs(folder)
