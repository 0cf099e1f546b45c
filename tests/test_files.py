import os

import pytest

from egnet_tf.errors import InputError
from egnet_tf.files import (
    path_below,
    read_json,
    remove_unfinished,
    replacing,
    write_json,
)
from helpers import python


def test_replaced_file_is_the_old_one_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with replacing(path) as unfinished:
        unfinished.write_text("new")
        assert unfinished.parent == tmp_path
        assert unfinished.suffix == ".txt"
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_folder_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "new" / "folder"
    for content in ("old", "new"):
        with replacing(path) as unfinished:
            unfinished.mkdir()
            (unfinished / content).touch()
        assert os.listdir(path) == [content]
    assert os.listdir(path.parent) == ["folder"]


@pytest.mark.parametrize("folder", [False, True])
def test_error_while_replacing_leaves_everything_unchanged(tmp_path, folder):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as unfinished:
        unfinished.mkdir() if folder else unfinished.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_names_as_long_as_the_file_system_allows_are_written(tmp_path):
    for name in ("x" * 251 + ".png", "写" * 84 + ".7z", "a." + "y" * 253):
        with replacing(tmp_path / name) as unfinished:
            unfinished.write_text(name)
        assert (tmp_path / name).read_text() == name


def test_write_errors_name_the_target_file(tmp_path):
    path = tmp_path / "file.txt"
    with (
        pytest.raises(OSError, match=r"No space left.*file\.txt'$"),
        replacing(path),
    ):
        raise OSError(28, "No space left on device")
    with (
        pytest.raises(FileNotFoundError, match=r"file\.txt'$"),
        replacing(path) as unfinished,
    ):
        unfinished.read_bytes()


def test_json_round_trips_names_of_any_bytes(tmp_path):
    value = {"ü": [1, 0.1, None], "name": os.fsdecode(b"fot\xe4.png")}
    write_json(tmp_path / "new" / "a.json", value)
    assert read_json(tmp_path / "new" / "a.json") == value
    assert "ü" in (tmp_path / "new" / "a.json").read_text("utf-8")


def test_json_refuses_nan(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", float("nan"))
    assert not any(tmp_path.iterdir())


def test_files_that_hold_no_json_object_are_refused_in_one_line(tmp_path):
    for name, content in (
        ("cut.json", b'{"a": '),
        ("list.json", b"[]"),
        ("bytes.json", b"\xff\xfe\x00"),
        ("deep.json", b"[" * 100_000),
    ):
        (tmp_path / name).write_bytes(content)
    for name in ("cut.json", "list.json", "bytes.json", "deep.json", "none.json"):
        with pytest.raises(InputError, match=f"Received: .*{name}") as raised:
            read_json(tmp_path / name)
        assert "\n" not in str(raised.value)


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    (tmp_path / "kept.txt").touch()
    (tmp_path / ".hidden").touch()
    code = (
        "import os, sys; from egnet_tf.files import replacing\n"
        "with replacing(sys.argv[1]) as unfinished:\n"
        "    unfinished.mkdir() if sys.argv[2] == 'folder' else unfinished.touch()\n"
        "    os._exit(9)"
    )
    for kind in ("folder", "file"):
        assert python("-c", code, tmp_path / "new.png", kind).returncode == 9
    assert len(list(tmp_path.iterdir())) == 4
    remove_unfinished(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".hidden", "kept.txt"]


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/x", "..", "", ".", "a\0b", "a/..", "//x"]
)
def test_names_from_files_do_not_lead_outside(tmp_path, name):
    with pytest.raises(InputError, match=r"below .* Received: '"):
        path_below(tmp_path, name)


@pytest.mark.parametrize("name", ["a", "a/b.png", "..a", "a..", "a/...", "写 ,*"])
def test_names_from_files_become_paths_below_the_folder(tmp_path, name):
    assert path_below(tmp_path, name) == tmp_path / name


def test_read_json_of_a_pipe_or_a_huge_file_ends(tmp_path, monkeypatch):
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.json")
        with pytest.raises(InputError, match="no regular file"):
            read_json(tmp_path / "pipe.json")
    with open(tmp_path / "huge.json", "wb") as file:
        file.truncate(2**40)
    with pytest.raises(InputError, match="more than 67,108,864 bytes"):
        read_json(tmp_path / "huge.json")
