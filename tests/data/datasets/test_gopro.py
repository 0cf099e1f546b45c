import numpy as np
import pytest

from egnet_tf.data import open_pairs
from egnet_tf.data.datasets import gopro
from egnet_tf.data.datasets.gopro import GoProOptions
from egnet_tf.errors import InputError


@pytest.fixture
def official(tmp_path, write_all):
    files = {}
    for sequence in ("GOPR0372_07_00", "GOPR0374_11_02"):
        for number in (47, 48):
            for kind, which in (("blur", 100), ("blur_gamma", 200), ("sharp", 300)):
                path = f"train/{sequence}/{kind}/{number:06}.png"
                files[path] = which + number + (sequence == "GOPR0374_11_02")
    return write_all(tmp_path / "GOPRO_Large", files)


@pytest.mark.parametrize(("blur", "which"), [("linear", 100), ("gamma", 200)])
def test_published_folder_tree_is_read(official, blur, which, image):
    options = {"gopro": GoProOptions(blur=blur)}
    pairs = open_pairs(f"gopro:{official}", split="train", options=options)
    assert pairs.names == (
        "GOPR0372_07_00/000047",
        "GOPR0372_07_00/000048",
        "GOPR0374_11_02/000047",
        "GOPR0374_11_02/000048",
    )
    for index, number in enumerate((47, 48, 48, 49)):
        pair = pairs.read(index)
        np.testing.assert_array_equal(pair.blurry, image(which + number))
        np.testing.assert_array_equal(pair.sharp, image(300 + number))


def test_flattened_folder_is_read(tmp_path, image, write_all):
    name = "GOPR0384_11_00-000001"
    root = write_all(
        tmp_path, {f"test/input/{name}.png": 1, f"test/target/{name}.png": 2}
    )
    pairs = open_pairs("gopro", data_dir=str(root), split="test")
    assert pairs.names == (name,)
    np.testing.assert_array_equal(pairs.read(0).sharp, image(2))
    with pytest.raises(InputError, match=r"flattened.*Received: gamma"):
        options = {"gopro": GoProOptions(blur="gamma")}
        open_pairs(f"gopro:{root}", split="test", options=options)


def test_wrong_number_of_pairs_is_a_warning(official, caplog, monkeypatch):
    open_pairs(f"gopro:{official}", split="train")
    assert caplog.messages == ["GoPro train: expected 2103 pairs. Received: 4"]
    caplog.clear()
    monkeypatch.setitem(gopro.COUNTS, "train", 4)
    open_pairs(f"gopro:{official}", split="train")
    assert not caplog.messages


def test_missing_files_and_unknown_blur_are_refused(official):
    (official / "train/GOPR0374_11_02/sharp/000048.png").unlink()
    with pytest.raises(InputError, match=r"GOPR0374_11_02/blur/000048.png \(no sharp"):
        open_pairs(f"gopro:{official}", split="train")
    with pytest.raises(InputError, match=r"test/GOPRxxxx_xx_xx.*Received: neither"):
        open_pairs(f"gopro:{official}", split="test")
    with pytest.raises(InputError, match="Received: sepia"):
        GoProOptions(blur="sepia")
