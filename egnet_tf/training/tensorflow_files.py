"""Files that TensorFlow writes: their errors, and paths that it cannot take."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from egnet_tf.training.strategy import LOST_WORKER

_SPECIAL = "*?[]" if os.name == "nt" else "*?[]\\"
"""TensorFlow finds the files of a checkpoint by a pattern in which these count."""


@contextlib.contextmanager
def plain_path(folder: Path) -> Iterator[Path]:
    """A path of a folder, which is there, that TensorFlow can use inside.

    It is the folder's own unless that has special characters or is no UTF-8; then it
    is a link from the folder of temporary files.
    """
    name = str(folder)
    try:
        name.encode()
        if not set(_SPECIAL) & set(name):
            yield folder
            return
    except UnicodeEncodeError:
        pass
    with tempfile.TemporaryDirectory(prefix="egnet_tf_") as temporary:
        link = Path(temporary) / "link"
        link.symlink_to(folder.absolute(), target_is_directory=True)
        yield link


@contextlib.contextmanager
def errors_of_files(path: Path) -> Iterator[None]:
    """Turns what TensorFlow raises about a file that it writes into an `OSError`.

    Raises:
        OSError: in one line, with the path: the disk is full or cannot be written.
    """
    try:
        yield
    except LOST_WORKER:
        raise  # It shows wherever TensorFlow is asked next.
    except tf.errors.OpError as error:
        reason = error.message.strip().split("\n", 1)[0]
        raise OSError(f"Cannot write {path}: {reason}") from error
