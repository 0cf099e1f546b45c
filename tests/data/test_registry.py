import collections
import json
import os

import numpy as np
import pytest

from egnet_tf.data import open_pairs
from egnet_tf.data.datasets.camera_shake import CameraShakeOptions, CameraShakePairs
from egnet_tf.data.fingerprint import files_in_both
from egnet_tf.data.mixture import MixedPairs
from egnet_tf.data.pairs import Pair, Pairs
from egnet_tf.data.registry import SPLITS, Request, dataset_entry, parse_dataset
from egnet_tf.data.splits import split_names
from egnet_tf.errors import InputError
from egnet_tf.images.find import find_images


class Constant(Pairs):
    def __init__(self, value, count):
        self.value = value
        self.names = tuple(f"{n}" for n in range(count))

    def read(self, index):
        sharp = np.full((8, 8, 3), self.value, np.uint8)
        return Pair(sharp + np.uint8(index), sharp)


def test_dataset_entries_have_folders_and_weights():
    assert parse_dataset("gopro") == [("gopro", None, 1)]
    assert parse_dataset("gopro:/data/GOPRO, frames:/data/240fps*2,samples*.5") == [
        ("gopro", "/data/GOPRO", 1),
        ("frames", "/data/240fps", 2),
        ("samples", None, 0.5),
    ]


@pytest.mark.parametrize("folder", [r"C:\data\GoPro", "D:/data", "a:b", "~/x*y"])
def test_only_the_first_colon_separates_name_and_folder(folder):
    assert parse_dataset(f"camera_shake:{folder}*3") == [("camera_shake", folder, 3)]
    assert parse_dataset(f"camera_shake:{folder}") == [("camera_shake", folder, 1)]


def test_dataset_without_its_folder_is_refused(tmp_path):
    assert Request("gopro", str(tmp_path), "test").root == tmp_path
    with pytest.raises(InputError, match=r"--dataset=gopro:FOLDER. Received: none"):
        open_pairs("gopro", split="test")
    with pytest.raises(InputError, match=r"dataset gopro. Received: .*nowhere"):
        open_pairs(f"gopro:{tmp_path}/nowhere", split="test")


def test_folder_names_may_contain_commas_and_numbers():
    assert parse_dataset("folder:my,,photos*2,folder:set*2*1") == [
        ("folder", "my,photos", 2),
        ("folder", "set*2", 1),
    ]
    assert parse_dataset("folder:a,,,samples") == [
        ("folder", "a,", 1),
        ("samples", None, 1),
    ]


PATHS = [
    *("a, b", "a,", ",", "x*2", "*", "*3*", " x ", '"', '"x"', "a\\b", "a:b", "~", "#"),
    *("line\nbreak", "tab\t", "-", "--", "[1]", "{a,b}", "ü", "写", "\u2028"),
    os.fsdecode(b"fot\xe4"),
]


@pytest.mark.parametrize("folder", PATHS, ids=ascii)
def test_every_path_can_be_said_in_a_dataset(folder):
    quoted = json.dumps(folder)
    assert parse_dataset(f"folder:{quoted}*2, samples,folder:{quoted}") == [
        ("folder", folder, 2),
        ("samples", None, 1),
        ("folder", folder, 1),
    ]
    assert parse_dataset(dataset_entry("folder", folder)) == [("folder", folder, 1)]


def test_entry_of_an_ordinary_folder_has_no_quotes():
    assert dataset_entry("shards", "data/my shards") == "shards:data/my shards"


@pytest.mark.parametrize(
    "text", ["", "samples,", "gopr:/data", "*2", "samples*1.2.3", r'folder:"\d"']
)
def test_malformed_dataset_entries_are_refused(text):
    with pytest.raises(InputError, match="Received: "):
        parse_dataset(text)


def test_camera_shake_photographs_are_found_anywhere_and_held_out(tmp_path, write_all):
    files = {f"{n % 3}/photo{n}.png": n for n in range(25)}
    root = str(write_all(tmp_path, files))
    options = {"camera_shake": CameraShakeOptions(extent=6)}
    train, test = (
        open_pairs(f"camera_shake:{root}", split=split, seed=1, options=options)
        for split in ("train", "test")
    )
    assert len(train) == 22
    assert len(test) == 3
    assert {*train.names, *test.names} == {path[:-4] for path in files}
    with pytest.raises(InputError, match=r"photographs in .*Received: none"):
        write_all(tmp_path / "new", {"train/x.png": 1})
        (tmp_path / "new" / "test").mkdir()
        open_pairs(f"camera_shake:{tmp_path}/new", split="test")


def test_held_out_names_hardly_change_when_others_join():
    names = [f"photo{n}" for n in range(100)]
    before = set(split_names(names, "test", "photographs"))
    after = set(split_names([*names, "new"], "test", "photographs"))
    assert len(before) == 10
    assert len(before & after) >= 9
    assert split_names(names[::-1], "test", "x")[::-1] == split_names(
        names, "test", "x"
    )


def test_mixture_reads_from_its_sources():
    mixed = MixedPairs({"a": Constant(10, 2), "b": Constant(90, 3)}, [1, 1])
    assert mixed.names == ("a/0", "a/1", "b/0", "b/1", "b/2")
    for index, (blurry, sharp) in enumerate(
        [(10, 10), (11, 10), (90, 90), (91, 90), (92, 90)]
    ):
        pair = mixed.read(index)
        assert (pair.blurry[0, 0, 0], pair.sharp[0, 0, 0]) == (blurry, sharp)
        assert mixed.crop(index, 4, np.random.default_rng(0)).blurry[0, 0, 0] == blurry


def test_mixture_weights_are_shares_of_the_samples_at_any_size():
    sources = {"a": Constant(0, 3), "b": Constant(0, 40), "c": Constant(0, 7)}
    mixed = MixedPairs(sources, [2, 1, 1])
    for first in (0, 5000):
        drawn = [mixed.names[mixed.draw(first + n, seed=3)] for n in range(1000)]
        shares = collections.Counter(name[0] for name in drawn)
        assert shares == {"a": 500, "b": 250, "c": 250}
    # Near the start too the shares are about those.
    assert 60 < sum(mixed.draw(n, seed=3) < 3 for n in range(150)) < 90


def test_mixture_draws_every_pair_of_a_source_once_per_epoch():
    mixed = MixedPairs({"a": Constant(0, 7), "b": Constant(0, 13)}, [1, 2])
    drawn = [mixed.draw(n, seed=5) for n in range(3000)]
    for low, high in ((0, 7), (7, 20)):
        own = [index for index in drawn if low <= index < high]
        size = high - low
        for epoch in range(len(own) // size):
            part = own[epoch * size : (epoch + 1) * size]
            assert sorted(part) == list(range(low, high))
    assert drawn != [mixed.draw(n, seed=6) for n in range(3000)]
    assert mixed.draw(2345, seed=5) == drawn[2345]


def test_mixture_weights_that_exclude_a_source_are_refused():
    sources = {"a": Constant(0, 3), "b": Constant(0, 3)}
    for weights in ([1, 0], [1, 1e-6]):
        with pytest.raises(InputError, match="Received: "):
            MixedPairs(sources, weights)


def test_open_pairs_opens_a_mixture(tmp_path, write_all):
    root = write_all(tmp_path, {f"photo{n}.png": n for n in range(3)})
    mixed = open_pairs(
        f"samples,camera_shake:{root}*2,camera_shake:{root}", split="train"
    )
    prefixes = collections.Counter(name.split("/")[0] for name in mixed.names)
    assert prefixes == {"samples": 5, "camera_shake": 2, "camera_shake2": 2}
    assert len(set(mixed.names)) == len(mixed)


def test_upsampling_factor_below_one_is_refused():
    with pytest.raises(InputError, match=r"at least 1 .*Received: 0\.5"):
        CameraShakeOptions(max_upscale=0.5)


LINKS = pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")


@LINKS
@pytest.mark.parametrize("dataset", ["camera_shake", "camera_motion"])
def test_no_photograph_counts_twice_or_is_in_both_splits(
    tmp_path, write_all, caplog, dataset
):
    root = write_all(tmp_path / "photos", {f"z/photo{n}.png": n for n in range(12)})
    alone = {x: open_pairs(f"{dataset}:{root}", split=x).names for x in SPLITS}
    assert not caplog.records
    (root / "again").symlink_to(".")
    (root / "copy").symlink_to("z")
    (root / "a.png").symlink_to("z/photo3.png")
    os.link(root / "z" / "photo4.png", root / "zz.png")
    assert {x: open_pairs(f"{dataset}:{root}", split=x).names for x in SPLITS} == alone
    assert "2 further names" in caplog.text  # And a link to a folder.
    # Over a link to the folder it is the same one.
    (tmp_path / "link").symlink_to(root)
    linked = f"{dataset}:{tmp_path}/link"
    assert {x: open_pairs(linked, split=x).names for x in SPLITS} == alone


@LINKS
def test_photograph_of_both_own_splits_is_left_out_of_training(
    tmp_path, write_all, caplog
):
    root = write_all(tmp_path, {f"train/{n}.png": n for n in range(5)})
    write_all(tmp_path, {"test/t.png": 9})
    (root / "test" / "one.png").symlink_to("../train/1.png")
    (root / "train" / "again").symlink_to("../test")
    train, test = (open_pairs(f"camera_shake:{root}", split=x) for x in SPLITS)
    assert train.names == ("0", "2", "3", "4")
    assert test.names == ("one", "t")
    assert "such as 1" in caplog.text
    assert not files_in_both(train, test)


@LINKS
def test_pair_of_the_same_files_counts_once(tmp_path, write_all, caplog):
    names = [f"{kind}/{n}.png" for kind in ("blurry", "sharp") for n in "abc"]
    root = write_all(tmp_path, {name: number for number, name in enumerate(names)})
    for kind in ("blurry", "sharp"):
        (root / kind / "0.png").symlink_to("b.png")
    # One sharp image of two blurry ones makes two pairs.
    (root / "sharp" / "c.png").unlink()
    (root / "sharp" / "c.png").symlink_to("a.png")
    assert open_pairs(f"folder:{root}", split="test").names == ("a", "b", "c")
    assert "1 further names" in caplog.text


@LINKS
def test_frames_under_two_names_make_windows_once(tmp_path, write_all):
    root = write_all(tmp_path, {f"s{k}/{n}.png": n for k in "ab" for n in range(7)})
    (root / "0").symlink_to("sb")
    train, test = (open_pairs(f"frames:{root}", split=x) for x in SPLITS)
    assert sorted([*train.names, *test.names]) == ["sa/3_7", "sb/3_7"]


@LINKS
def test_files_that_two_datasets_share_are_found_by_any_name(tmp_path, write_all):
    root = write_all(tmp_path / "a", {f"{n}.png": n for n in range(3)})
    write_all(tmp_path / "b", {"x.png": 9, "y.png": 8})
    (tmp_path / "b" / "z.png").symlink_to("../a/2.png")
    one, other = (
        CameraShakePairs(find_images(x), seed=0) for x in (root, tmp_path / "b")
    )
    assert files_in_both(one, other) == [str(tmp_path / "b" / "z.png")]
