import os

import pytest
import tensorflow as tf

from egnet_tf.training.tensorflow_files import errors_of_files, plain_path


def test_error_about_a_file_is_one_line_with_its_path(tmp_path):
    with (
        pytest.raises(OSError, match=r"^Cannot write .*logs: No space left$"),
        errors_of_files(tmp_path / "logs"),
    ):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left\n[[Op]]")


def test_lost_worker_is_no_error_of_a_file(tmp_path):
    with pytest.raises(tf.errors.UnavailableError), errors_of_files(tmp_path):
        raise tf.errors.UnavailableError(None, None, "Connection reset")


@pytest.mark.skipif(os.name == "nt", reason="names that Windows does not have")
@pytest.mark.parametrize("name", ["a[1]", "*", "\\", os.fsdecode(b"\xe4")], ids=ascii)
def test_odd_folder_is_reached_by_a_link_that_is_gone_afterwards(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    with plain_path(folder) as plain:
        assert plain != folder
        (plain / "file").touch()
        str(plain).encode()
    assert os.listdir(folder) == ["file"] and not plain.exists()


def test_ordinary_folder_is_its_own_path(tmp_path):
    with plain_path(tmp_path / "ü, b") as plain:
        assert plain == tmp_path / "ü, b"
