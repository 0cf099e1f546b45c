import fractions

import numpy as np
import pytest

from egnet_tf.data import open_pairs
from egnet_tf.data.datasets.frames import FramesOptions, average
from egnet_tf.errors import InputError
from egnet_tf.images.write import write_image


def open_frames(root, split="train", **options):
    options = {"frames": FramesOptions(**options)}
    return open_pairs(f"frames:{root}", split=split, options=options)


def sequence(name, numbers, start=0):
    return {f"{name}/{number:06}.png": start + number for number in numbers}


def test_frame_windows_are_consecutive_odd_and_sharp_in_the_middle(
    tmp_path, image, write_all
):
    root = write_all(tmp_path, sequence("a", range(1, 12)))
    pairs = open_frames(root, windows=(3, 5))
    assert pairs.names == (
        "a/000002_3",
        "a/000005_3",
        "a/000008_3",
        "a/000003_5",
        "a/000008_5",
    )
    pair = pairs.read(pairs.names.index("a/000008_5"))
    np.testing.assert_array_equal(pair.sharp, image(8))
    mean = np.mean([image(n) for n in range(6, 11)], axis=0)
    np.testing.assert_array_equal(pair.blurry, np.rint(mean))


def test_linear_average_is_the_rounded_mean(image):
    frames = [image(n, 3, 4) for n in range(7)]
    received = average(frames, "linear")
    for position in np.ndindex(received.shape):
        exact = fractions.Fraction(sum(int(frame[position]) for frame in frames), 7)
        assert received[position] == round(exact)


def test_gamma_average_is_taken_in_linear_light(image):
    frames = [image(n) for n in range(9)]
    light = np.mean([(frame / 255.0) ** 2.2 for frame in frames], axis=0)
    received = average(frames, "gamma").astype(float)
    # In single precision, so a value just at one half may round the other way.
    assert np.abs(received - 255 * light ** (1 / 2.2)).max() < 0.501
    assert average(frames, "gamma").mean() > average(frames, "linear").mean() + 5


def test_still_scene_is_not_blurred(image):
    for blur in ("linear", "gamma"):
        np.testing.assert_array_equal(average([image(1)] * 13, blur), image(1))


def test_frame_crops_are_windows_of_whole_pairs(tmp_path, write_all):
    root = write_all(tmp_path, sequence("a", range(5)))
    pairs = open_frames(root, windows=(5,), blur="gamma")
    whole = pairs.read(0)
    crop = pairs.crop(0, 8, np.random.default_rng(0))
    views = np.lib.stride_tricks.sliding_window_view(whole.sharp, (8, 8, 3))
    ((top, left),) = np.argwhere((views[:, :, 0] == crop.sharp).all(axis=(2, 3, 4)))
    np.testing.assert_array_equal(
        crop.blurry, whole.blurry[top : top + 8, left : left + 8]
    )


def test_frame_windows_do_not_span_missing_frames(tmp_path, write_all):
    root = write_all(tmp_path, sequence("a", [0, 1, 2, 3, 10, 11, 12, 9, 20]))
    pairs = open_frames(root, windows=(3,))
    assert pairs.names == ("a/000001_3", "a/000010_3")


def test_number_that_all_frames_share_makes_no_gap(tmp_path, image, write_all):
    names = {f"a/frame_{number:03}_x2.png": number for number in (1, 2, 3, 7, 8, 9)}
    root = write_all(tmp_path, names)
    pairs = open_frames(root, windows=(3,))
    assert pairs.names == ("a/frame_002_x2_3", "a/frame_008_x2_3")


def test_sequences_are_split_whole_and_reproducibly(tmp_path, write_all):
    files = {}
    for number in range(12):
        files |= sequence(f"s{number}", range(3), start=10 * number)
    root = write_all(tmp_path, files)
    splits = [
        {name.split("/")[0] for name in open_frames(root, split, windows=(3,)).names}
        for split in ("train", "test", "test")
    ]
    assert splits[1] == splits[2]
    assert len(splits[0]) == 10
    assert len(splits[1]) == 2  # a tenth of 12, rounded up
    assert not splits[0] & splits[1]


def test_split_made_by_the_user_is_kept(tmp_path, write_all):
    files = sequence("train/a", range(3)) | sequence("test/b", range(3))
    root = write_all(tmp_path, files)
    assert open_frames(root, windows=(3,)).names == ("a/000001_3",)
    assert open_frames(root, "test", windows=(3,)).names == ("b/000001_3",)


def test_single_sequence_needs_no_folder_of_its_own(tmp_path, write_all):
    root = write_all(tmp_path / "walk", sequence(".", range(3)))
    assert open_frames(root, windows=(3,)).names == ("walk/000001_3",)
    with pytest.raises(InputError, match=r"at least two sequences.*Received: 1"):
        open_frames(root, "test", windows=(3,))


def test_frames_that_cannot_be_averaged_are_named(tmp_path, image, write_all):
    root = write_all(tmp_path, sequence("a", range(5)))
    with pytest.raises(InputError, match=r"odd.*Received: 7,4"):
        open_frames(root, windows=(7, 4))
    with pytest.raises(InputError, match=r"at least 7 successive.*Received: 1 folders"):
        open_frames(root, windows=(7,))
    write_image(root / "a" / "000002.png", image(2, height=20))
    pairs = open_frames(root, windows=(5,))
    with pytest.raises(InputError, match=r"one size.*a/000002_5"):
        pairs.read(0)
