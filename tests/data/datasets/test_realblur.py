import numpy as np
import pytest

from egnet_tf.data import open_pairs
from egnet_tf.errors import InputError

FOLDER = {
    "J": "RealBlur-J_ECC_IMCORR_centroid_itensity_ref",
    "R": "RealBlur-R_BM3D_ECC_IMCORR_centroid_itensity_ref",
}


@pytest.fixture(params=["J", "R"])
def archive(request, tmp_path, write_all):
    """The authors' archive, with two pairs to train on and one to test on."""
    kind = request.param
    for split, scenes in (("train", [(1, 2), (1, 13)]), ("test", [(230, 7)])):
        lines = []
        for scene, number in scenes:
            sharp = f"{FOLDER[kind]}/scene{scene:03}/gt/gt_{number}.png"
            blurry = f"{FOLDER[kind]}/scene{scene:03}/blur/blur_{number}.png"
            write_all(tmp_path, {sharp: number, blurry: 100 + number})
            lines.append(f"{sharp} {blurry} \n")
        (tmp_path / f"RealBlur_{kind}_{split}_list.txt").write_text("".join(lines))
    return kind, tmp_path


def test_list_files_define_the_pairs(archive, caplog, image):
    kind, root = archive
    dataset = f"realblur_{kind.lower()}"
    train = open_pairs(dataset, data_dir=str(root), split="train")
    assert train.names == ("scene001/blur_2", "scene001/blur_13")
    np.testing.assert_array_equal(train.read(1).blurry, image(113))
    np.testing.assert_array_equal(train.read(1).sharp, image(13))
    test = open_pairs(f"{dataset}:{root}", split="test")
    assert test.names == ("scene230/blur_7",)
    assert caplog.messages == [
        f"RealBlur-{kind} train: expected 3758 pairs. Received: 2",
        f"RealBlur-{kind} test: expected 980 pairs. Received: 1",
    ]


def test_missing_files_are_all_named(archive):
    kind, root = archive
    for file in (root / FOLDER[kind] / "scene001" / "gt").iterdir():
        file.unlink()
    with pytest.raises(InputError) as caught:
        open_pairs(f"realblur_{kind.lower()}:{root}", split="train")
    assert "gt_2.png is missing" in str(caught.value)
    assert "gt_13.png is missing" in str(caught.value)


@pytest.mark.parametrize("line", ["one", "s/blur/blur_1.png s/gt/gt_1.png"])
def test_list_line_that_is_no_pair_is_refused(tmp_path, line):
    (tmp_path / "RealBlur_J_test_list.txt").write_text(line)
    with pytest.raises(InputError, match=f"line 1 of .*Received: {line}"):
        open_pairs(f"realblur_j:{tmp_path}", split="test")


def test_missing_list_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"Received: no .*RealBlur_R_test_list\.txt"):
        open_pairs(f"realblur_r:{tmp_path}", split="test")
