import os

import pytest

from egnet_tf.images.find import count_other_files, find_images


@pytest.fixture
def tree(tmp_path):
    for path in (
        "b/frame_10.png",
        "b/frame_2.JPG",
        "a.webp",
        "notes.txt",
        "._a.webp",
        ".thumbnails/a.png",
        "twice.png",
        "twice.jpg",
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    return tmp_path


def test_image_names_are_paths_without_suffix_in_natural_order(tree):
    found = find_images(tree)
    assert list(found) == ["a", "b/frame_2", "b/frame_10", "twice.jpg", "twice.png"]
    assert found["b/frame_2"] == tree / "b" / "frame_2.JPG"


def test_links_are_followed(tree, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "link").symlink_to(tree / "b")
    assert list(find_images(other)) == ["link/frame_2", "link/frame_10"]


def test_images_of_equal_stem_keep_distinct_names(tree):
    (tree / "twice.jpg.png").touch()
    assert list(find_images(tree))[-3:] == ["twice.jpg", "twice.jpg.png", "twice.png"]


def test_link_cycles_end(tree):
    (tree / "b" / "again").symlink_to(tree)
    (tree / "c").symlink_to(tree / "b")
    assert list(find_images(tree)) == [
        *("a", "b/frame_2", "b/frame_10", "c/frame_2", "c/frame_10"),
        *("twice.jpg", "twice.png"),
    ]


def test_pipes_and_broken_links_are_ignored(tree):
    os.mkfifo(tree / "pipe.png")
    (tree / "broken.png").symlink_to(tree / "none.png")
    assert not {"pipe", "broken"} & set(find_images(tree))


def test_ignored_files_are_counted_by_kind(tree):
    for name in ("a.HEIC", "b/b.heic", "c.mov", "Makefile"):
        (tree / name).touch()
    assert count_other_files(tree) == {".heic": 2, ".mov": 1, ".txt": 1, "": 1}
