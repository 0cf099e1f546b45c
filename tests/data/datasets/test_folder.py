import os

import numpy as np
import pytest
from PIL import Image

from egnet_tf.data import open_pairs
from egnet_tf.data.datasets.folder import FolderOptions, matching
from egnet_tf.errors import InputError
from egnet_tf.images.write import write_image


def open_folder(root, split="test", **options):
    options = {"folder": FolderOptions(**options)}
    return open_pairs(
        "folder", data_dir=root and str(root), split=split, options=options
    )


@pytest.fixture
def assert_pairs(image):
    """assert_pairs(pairs, {name: numbers of its blurry and sharp image})."""

    def check(pairs, expected):
        assert set(pairs.names) == set(expected)
        for index, name in enumerate(pairs.names):
            for received, number in zip(pairs.read(index), expected[name], strict=True):
                np.testing.assert_array_equal(received, image(number))

    return check


def test_two_folders_are_matched_by_name(tmp_path, write_all, assert_pairs):
    files = {"blur/x.png": 1, "blur/sub/y.bmp": 2, "sharp/sub/y.png": 3}
    root = write_all(tmp_path, files | {"sharp/x.tif": 4})
    assert_pairs(open_folder(root), {"x": (1, 4), "sub/y": (2, 3)})


def test_split_has_its_own_folder(tmp_path, write_all, assert_pairs):
    files = {"train/input/a.png": 1, "train/target/a.png": 2}
    files |= {"test/input/b.png": 3, "test/target/b.png": 4}
    root = str(write_all(tmp_path, files))
    assert_pairs(open_pairs("folder", data_dir=root, split="train"), {"a": (1, 2)})
    assert_pairs(open_pairs(f"folder:{root}", split="test"), {"b": (3, 4)})


def test_missing_splits_are_warned_about_in_training(tmp_path, caplog, write_all):
    root = str(write_all(tmp_path, {"blurry/a.png": 1, "sharp/a.png": 2}))
    open_folder(root)
    assert not caplog.records
    open_folder(root, "train")
    assert "no sub-folder train" in caplog.text


def test_one_folder_is_paired_by_name_patterns(tmp_path, write_all, assert_pairs):
    files = {"1_blur.png": 1, "1_sharp.png": 2, "deep/2_blur.png": 3}
    root = write_all(tmp_path, files | {"deep/2_sharp.png": 4, "readme.png": 5})
    pairs = open_folder(root, blurry="*_blur.png", sharp="*_sharp.png")
    assert_pairs(pairs, {"1": (1, 2), "deep/2": (3, 4)})


def test_pattern_may_fix_the_start_of_the_name(tmp_path, write_all, assert_pairs):
    files = {"in/b_1.png": 1, "in/c_1.png": 9, "out/s_1.jpg.png": 2}
    root = str(write_all(tmp_path, files))
    pairs = open_folder(root, blurry="in/b_*", sharp="out/s_*.jpg.png")
    assert_pairs(pairs, {"1": (1, 2)})


def test_folders_may_lie_anywhere(tmp_path, write_all, assert_pairs):
    root = write_all(tmp_path, {"one/in/a.png": 1, "two/gt/a.png": 2})
    pairs = open_folder(None, blurry=str(root / "one" / "in"), sharp=f"{root}/two/gt/*")
    assert_pairs(pairs, {"a": (1, 2)})


def test_every_image_without_partner_is_listed(tmp_path, write_all):
    files = {"blur/a.png": 1, "blur/b.png": 2, "blur/c.png": 3}
    root = write_all(tmp_path, files | {"sharp/b.png": 4, "sharp/d.png": 5})
    with pytest.raises(InputError, match="3 without a partner") as caught:
        open_folder(root)
    for path in ("blur/a.png (no sharp", "blur/c.png (no sharp", "sharp/d.png (no bl"):
        assert path in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folders_without_common_names_are_refused_with_examples(tmp_path, write_all):
    root = write_all(tmp_path, {f"blur/{n}_blur.png": n for n in range(5)})
    write_all(root, {f"sharp/{n}_sharp.png": n for n in range(5)})
    with pytest.raises(InputError) as caught:
        open_folder(root)
    assert "blurry 0_blur, 1_blur, 2_blur, ...; sharp 0_sharp" in str(caught.value)


def test_every_unequal_or_unreadable_pair_is_listed_on_opening(
    tmp_path, image, write_all
):
    names = "abcd"
    root = write_all(
        tmp_path, {f"{k}/{n}.png": 1 for k in ("gt", "blur") for n in names}
    )
    write_image(root / "gt" / "a.png", image(0, height=23))
    write_image(root / "blur" / "c.png", image(0, width=31))
    (root / "gt" / "d.png").write_text("no image")
    with pytest.raises(InputError, match="Received: 3 others") as caught:
        open_folder(root)
    for part in ("a.png is (32, 24)", "(32, 23)", "(31, 24)", "d.png is not readable"):
        assert part in str(caught.value)


def test_sizes_that_differ_after_rotation_are_found_on_reading(
    tmp_path, image, write_all
):
    exif = Image.Exif()
    exif[0x0112] = 6
    root = write_all(tmp_path, {"blur/a.png": 1, "sharp/a.png": 2})
    Image.fromarray(image(2)).save(root / "sharp" / "a.png", exif=exif)
    pairs = open_folder(root)
    with pytest.raises(InputError, match=r"\(24, 32\) and \(32, 24\)"):
        pairs.read(0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Received: none of them"),
        ({"blurry": "in"}, r"blurry 'in', sharp ''"),
        ({"blurry": "*/*", "sharp": "b"}, r"one \*.*Received: \*/\*"),
        ({"blurry": "here/*", "sharp": "b"}, "folder of images.*Received: .*here"),
    ],
)
def test_missing_and_ambiguous_folders_are_refused(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        open_folder(tmp_path, **options)


@pytest.mark.skipif(os.name == "nt", reason="names that Windows does not have")
def test_stars_of_the_path_itself_are_written_in_brackets(write_all, tmp_path):
    root = write_all(tmp_path / "set*2", {"in/a.png": 1, "gt/a.png": 2})
    (tmp_path / "set12").mkdir()
    said = str(root).replace("*", "[*]")
    for end in ("", "/*"):
        pairs = open_folder(None, blurry=f"{said}/in{end}", sharp=f"{said}/gt/*.png")
        assert pairs.names == ("a",)
    (root / "in" / "a*b[*].png").touch()
    assert list(matching(root, "in/a[*]b*.png")) == ["[*]"]
    with pytest.raises(InputError, match=r"one \*"):
        matching(root, f"{said}/*/a*")
