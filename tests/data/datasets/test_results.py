import numpy as np
import pytest

from egnet_tf.data import open_pairs
from egnet_tf.data.datasets.results import ResultsOptions
from egnet_tf.data.pipeline import training_batches
from egnet_tf.errors import InputError
from egnet_tf.images.write import write_image
from helpers import random_image


def write(folder, seed, names=("a", "b/c"), shape=(40, 48, 3)):
    for number, name in enumerate(names):
        image = random_image(shape, seed=10 * seed + number)
        write_image(folder / f"{name}.png", image)


def image_of(seed, number=0):
    return random_image((40, 48, 3), seed=10 * seed + number)


@pytest.fixture
def root(tmp_path):
    for seed, name in enumerate(("sharp", "SRN", "BANet", "my,net")):
        write(tmp_path / name, seed)
    return tmp_path


def opened(split="test", **options):
    folder = options.pop("folder", None)
    dataset = f"results:{folder}" if folder else "results"
    chosen = {"results": ResultsOptions(**options)}
    return open_pairs(dataset, split=split, options=chosen, results=True)


def test_results_are_stacked_in_the_order_of_their_titles(root):
    (root / "SRN_evaluation").mkdir()
    (root / "SRN_evaluation" / "scores.csv").touch()
    pairs = opened(folder=root)
    assert pairs.names == ("a", "b/c")
    assert pairs.inputs == ("BANet", "SRN", "my,net")
    stack, sharp = pairs.read(1)
    np.testing.assert_array_equal(sharp, image_of(0, 1))
    for title, seed in (("BANet", 2), ("SRN", 1), ("my,net", 3)):
        found = pairs.images_of(stack)[title]
        np.testing.assert_array_equal(found, image_of(seed, 1))


def test_order_and_place_of_the_folders_change_nothing(root, tmp_path):
    one = opened(folder=root, methods=("SRN", "BANet"))
    other = opened(
        methods=(f"BANet={tmp_path / 'BANet'}", str(tmp_path / "SRN")),
        sharp=str(tmp_path / "sharp"),
    )
    assert one.inputs == other.inputs == ("BANet", "SRN")
    np.testing.assert_array_equal(one.read(0).blurry, other.read(0).blurry)


def test_folder_of_the_split_is_entered(tmp_path, caplog):
    for split, seed in (("train", 1), ("test", 4)):
        for method in range(3):
            name = ("sharp", "x", "y")[method]
            write(tmp_path / "a" / split / name, seed + method)
            write(tmp_path / "b" / name / split, seed + method)
    for layout in ("a", "b"):
        for split, seed in (("train", 1), ("test", 4)):
            pair = opened(split, folder=tmp_path / layout).read(0)
            np.testing.assert_array_equal(pair.sharp, image_of(seed))
            np.testing.assert_array_equal(pair.blurry[..., 3:], image_of(seed + 2))
    assert not caplog.records


def test_both_splits_of_one_folder_are_a_warning(root, caplog):
    opened("train", folder=root)
    assert "both splits are all of its images" in caplog.text


def test_crops_and_flips_are_the_same_for_all_methods(tmp_path):
    rng = np.random.default_rng(0)
    sharp = rng.integers(0, 200, (40, 48, 3), np.uint8)
    for plus, name in enumerate(("sharp", "one", "two")):
        write_image(tmp_path / name / "a.png", sharp + np.uint8(plus))
    pairs = opened(folder=tmp_path)
    settings = {"crop": 16, "batch": 2, "seed": 1, "first_step": 0, "steps": 3}
    for batch in training_batches(pairs, **settings):
        blurry = np.rint(batch["blurry"] * 255)
        expected = np.rint(batch["sharp"] * 255)
        assert blurry.shape == (2, 16, 16, 6)
        np.testing.assert_array_equal(blurry[..., :3], expected + 1)
        np.testing.assert_array_equal(blurry[..., 3:], expected + 2)


def test_wrong_folders_are_refused(root, tmp_path):
    with pytest.raises(InputError, match="two or more methods"):
        opened(folder=root, methods=("SRN",))
    with pytest.raises(InputError, match="different titles"):
        opened(folder=root, methods=("SRN", "SRN=BANet"))
    with pytest.raises(InputError, match=r"--results_methods and .*neither"):
        opened()
    with pytest.raises(InputError, match="folder of images"):
        opened(folder=root, methods=("SRN", "none"))
    write(root / "SRN", 1, names=("extra",))
    (root / "BANet" / "a.png").unlink()
    with pytest.raises(InputError, match=r"2 without a partner: .*a of BANet"):
        opened(folder=root)
    (root / "gt").mkdir()
    with pytest.raises(InputError, match=r"--results_sharp\. Received: sharp, gt"):
        opened(folder=root)


def test_image_of_another_size_is_named(root):
    write(root / "SRN", 1, names=("a",), shape=(40, 40, 3))
    with pytest.raises(InputError, match=r"SRN.a\.png is \(40, 40\)"):
        opened(folder=root)


def test_who_wants_blurry_images_is_told(root):
    with pytest.raises(InputError, match="here, blurry images"):
        open_pairs(f"results:{root}", split="test")
    with pytest.raises(InputError, match="results alone"):
        open_pairs(f"results:{root},samples", split="test", results=True)
