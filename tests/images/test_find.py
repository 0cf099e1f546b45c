import os

import pytest

from egnet_tf.errors import InputError
from egnet_tf.images.find import find_images, search


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


def test_links_to_the_outside_are_followed(tree, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "link").symlink_to(tree / "b")
    assert list(find_images(other)) == ["link/frame_2", "link/frame_10"]


def test_images_of_equal_stem_keep_distinct_names(tree):
    (tree / "twice.jpg.png").touch()
    assert list(find_images(tree))[-3:] == ["twice.jpg", "twice.jpg.png", "twice.png"]


def test_every_real_file_counts_once(tree, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "photo.png").touch()
    (tree / "b" / "again").symlink_to(tree)
    (tree / "b" / "up").symlink_to(tree.parent)
    (tree / "c").symlink_to(tree / "b")
    (tree / "0.png").symlink_to(tree / "twice.png")
    os.link(tree / "twice.png", tree / "z.png")
    (tree / "b" / "x1.png").symlink_to(other / "photo.png")
    (tree / "b" / "x2.png").symlink_to(other / "photo.png")
    (tree / "d").symlink_to(other)
    found = search(tree)
    assert list(found.images) == [
        *("a", "b/frame_2", "b/frame_10", "b/x1", "twice.jpg", "twice.png")
    ]
    assert found.left_out == {
        "a second name of an image": 4,
        "a link to a folder that it lies in": 2,
        "a link to a folder that counts already": 1,
        ".txt": 1,
    }


def test_pairs_may_share_a_file(tree):
    (tree / "b" / "copy.png").symlink_to(tree / "twice.png")
    assert "b/copy" in find_images(tree)
    assert "b/copy" not in search(tree).images


def test_folders_that_link_to_each_other_end(tmp_path):
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.png").touch()
        for number in range(3):
            (tmp_path / name / f"to{number}").symlink_to(tmp_path / other)
    assert list(find_images(tmp_path / "a")) == ["a", "to0/b"]
    assert list(find_images(tmp_path)) == ["a/a", "b/b"]


def test_what_is_no_image_is_counted_by_kind(tree):
    os.mkfifo(tree / "pipe.png")
    (tree / "broken.png").symlink_to(tree / "none.png")
    (tree / "loop.png").symlink_to(tree / "loop.png")
    for name in ("b/b.dng", "c.mov", "d.MOV", "Makefile", "Thumbs.db", "desktop.ini"):
        (tree / name).touch()
    (tree / "__MACOSX").mkdir()
    (tree / "__MACOSX" / "a.png").touch()
    found = search(tree)
    assert not {"pipe", "broken", "loop"} & set(found.images)
    assert found.left_out == {
        ".mov": 2,
        "a link to nothing": 2,
        ".txt": 1,
        ".dng": 1,
        "without a suffix": 1,
        "a pipe, socket or device": 1,
    }


def test_folder_that_cannot_be_read_is_said(tree, monkeypatch):
    scandir = os.scandir

    def locked(path):
        if path == tree / "b":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    assert search(tree).unreadable == {tree / "b": "Permission denied"}
    with pytest.raises(InputError, match=r"Received: .*b \(Permission denied\)"):
        find_images(tree)


def test_any_legal_name_is_found(tmp_path):
    names = [b"fot\xe4.png", "\U0001f600.jpg".encode(), b"a\nb\x1b[31m.png", b"-x.png"]
    names += ["\u4e2d".encode() * 80 + b".png", b"~.png", b" .png", b"%s*?[.png"]
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "w"):
            pass
    found = find_images(tmp_path)
    assert {os.fsencode(path.name) for path in found.values()} == set(names)
