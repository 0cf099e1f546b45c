import pytest

from egnet_tf.errors import InputError
from egnet_tf.evaluation.matching import match_folders, match_names


def make(folder, *names):
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return folder


def test_images_match_by_name_regardless_of_order_and_suffix(tmp_path):
    restored = make(tmp_path / "r", "b.png", "street/1.PNG", "c.jpg", "readme.txt")
    sharp = make(tmp_path / "s", "a.png", "street/1.jpg", "b.png", ".hidden/c.png")
    match = match_folders(restored, sharp)
    assert match.pairs == {
        "b": (restored / "b.png", sharp / "b.png"),
        "street/1": (restored / "street/1.PNG", sharp / "street/1.jpg"),
    }
    assert match.only_restored == (restored / "c.jpg",)
    assert match.only_sharp == (sharp / "a.png",)


def test_ambiguous_names_are_refused(tmp_path):
    restored = make(tmp_path / "r", "a.png", "a.jpg", "b.png")
    match = match_folders(restored, make(tmp_path / "s", "a.png", "b.png"))
    assert list(match.pairs) == ["b"]
    assert set(match.only_restored) == {restored / "a.jpg", restored / "a.png"}


def test_folders_without_common_names_are_refused_with_examples(tmp_path):
    restored = make(tmp_path / "r", "1_out.png")
    with pytest.raises(InputError, match=r"1_out\.png and .*1\.png"):
        match_folders(restored, make(tmp_path / "s", "1.png"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no images in"):
        match_folders(restored, tmp_path / "empty")


def test_missing_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"Received: .*nowhere"):
        match_folders(tmp_path / "nowhere", make(tmp_path / "s", "1.png"))


@pytest.mark.parametrize(
    "file",
    [
        "GOPR0384_11_00/000001.png",
        "GOPR0384_11_00-000001.jpg",
        "GOPR0384_11_00_000001.png",
        "GOPR0384_11_00/blur/000001.png",
        "GOPR0384_11_00/blur_gamma/000001.png",
    ],
)
def test_results_of_gopro_are_found_as_methods_write_them(tmp_path, file):
    restored = make(tmp_path / "r", file, "GOPR0384_11_00/000002/1.png")
    names = ["GOPR0384_11_00/000001", "GOPR0384_11_00/000002"]
    assert match_names(restored, names) == {names[0]: restored / file}


@pytest.mark.parametrize("file", ["scene230/blur/blur_7.png", "scene230-blur_7.png"])
def test_results_of_realblur_are_found_as_methods_write_them(tmp_path, file):
    restored = make(tmp_path / "r", file, "scene230/gt/gt_7.png")
    names = ["scene230/blur_7"]
    assert match_names(restored, names) == {names[0]: restored / file}


def test_two_results_of_one_name_and_none_at_all_are_refused(tmp_path):
    restored = make(tmp_path / "r", "a_b-1.png", "a-b_1.png", "c.png")
    with pytest.raises(InputError, match=r"one restored image for a/b/1\. Received: "):
        match_names(restored, ["a/b/1"])
    # The exact name counts before any other.
    make(tmp_path / "r", "a/b/1.png")
    assert match_names(restored, ["a/b/1"]) == {"a/b/1": restored / "a/b/1.png"}
    with pytest.raises(InputError, match=r"such as d\. Received: .*c\.png|a"):
        match_names(restored, ["d"])
    with pytest.raises(InputError, match="Expected a folder of images"):
        match_names(tmp_path / "none", ["d"])
