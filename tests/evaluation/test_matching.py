import pytest

from egnet_tf.errors import InputError
from egnet_tf.evaluation.matching import match_folders


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
