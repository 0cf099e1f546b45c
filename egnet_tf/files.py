"""Files and folders that are never half-written, and JSON."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

from egnet_tf.errors import InputError

_UNFINISHED = ".unfinished-"


@contextlib.contextmanager
def replacing(
    path: str | os.PathLike[str], *, overwrite: bool = True
) -> Iterator[Path]:
    """Yields a temporary path in the folder of `path`, renamed to `path` at the end.

    A file or a folder may be written there; the suffix is that of `path`, because
    many libraries choose the format by it. After an error inside, `path` is as it
    was and the temporary one is gone. A file is replaced in one step. A folder is
    moved aside first, so for an instant `path` is absent, but never incomplete.

    Args:
        path: the file or folder to write. Missing folders above it are made.
        overwrite: whether what is there may be replaced, even if it came meanwhile.

    Raises:
        OSError: it cannot be written, or is there (`FileExistsError`). The error names
            `path`.
    """
    path = Path(path)
    # Short: the name of `path` may be as long as the file system allows.
    token = os.urandom(4).hex()
    unfinished = path.with_name(f"{_UNFINISHED}{token}{path.suffix[-16:]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
        if not overwrite:
            _move_to_free_name(unfinished, path)
        elif unfinished.is_dir() and path.is_dir():
            _swap_folders(unfinished, path, path.with_name(f".former-{token}"))
        else:
            os.replace(unfinished, path)
    except OSError as error:
        # A full disk is reported without a name, or under the temporary one.
        if error.errno and error.filename in (None, str(unfinished)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        if unfinished.is_dir():
            shutil.rmtree(unfinished)
        unfinished.unlink(missing_ok=True)


def _move_to_free_name(new: Path, path: Path) -> None:
    """Renames a file unless the name is taken."""
    try:
        os.link(new, path)  # Unlike a rename, it never replaces.
        return
    except FileExistsError:
        raise FileExistsError(errno.EEXIST, "File exists", str(path)) from None
    except OSError:  # A folder, or a file system without links, such as FAT.
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, "File exists", str(path)) from None
    os.rename(new, path)


@contextlib.contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Yields a new folder in `parent`, which is made too; deletes it at the end."""
    folder = parent / f"{_UNFINISHED}{os.urandom(4).hex()}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def reserve(path: str | os.PathLike[str], size: int) -> None:
    """Writes a file of so many zero bytes, for what is then written in its place.

    Raises:
        OSError: there is no room for it.
    """
    with open(path, "wb") as file:
        block = bytes(2**20)
        for start in range(0, size, len(block)):
            file.write(block[: size - start])
        file.flush()
        os.fsync(file.fileno())


def _swap_folders(new: Path, path: Path, former: Path) -> None:
    os.replace(path, former)
    try:
        os.replace(new, path)
    except BaseException:
        os.replace(former, path)
        raise
    shutil.rmtree(former)


_MOST_JSON_BYTES = 2**26
"""Of a file: its values take up to 40 times as much memory."""


def remove_unfinished(folder: Path) -> None:
    """Deletes what a killed process left in a folder while it wrote there.

    Only for a folder in which no other process writes; see `egnet_tf.locks`.
    """
    for path in folder.glob(f"{_UNFINISHED}*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def path_below(folder: Path, name: str) -> Path:
    """The path `folder/name` for a name that was read from a file.

    Raises:
        InputError: it is not below the folder (an absolute name, or one with ".."),
            or can be no path.
    """
    path = PurePath(name)
    leaves = path.anchor or ".." in path.parts
    if leaves or not path.parts or "\0" in name:
        raise InputError(
            f"Expected the name of a file below {folder}. Received: {name!r}"
        )
    return folder / path


def write_text(path: str | os.PathLike[str], text: str) -> None:
    r"""Writes UTF-8 with line ends of \n; `path` is absent, old or complete.

    Missing folders are made.

    Raises:
        OSError: the file cannot be written.
    """
    with replacing(path) as unfinished, open(unfinished, "wb") as file:
        # A file name that is not UTF-8 stands in a string as lone surrogates. Their
        # escapes are those of JSON, so that reading gives the same name.
        file.write(text.encode("utf-8", "backslashreplace"))
        file.flush()
        os.fsync(file.fileno())


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes JSON, finite numbers only; `path` is absent, old or complete.

    Missing folders are made.

    Raises:
        OSError: the file cannot be written.
        ValueError: a number is NaN or infinite, which JSON does not have.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a file that holds one JSON object.

    Raises:
        InputError: the file is missing, unreadable, or holds something else.
    """
    path = Path(path)
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise ValueError("no regular file")  # Reading a pipe may never end.
        if path.is_file() and path.stat().st_size > _MOST_JSON_BYTES:
            raise ValueError(f"more than {_MOST_JSON_BYTES:,} bytes")
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"Expected a readable JSON file. Received: {path} ({reason})"
        ) from None
    if not isinstance(value, dict):
        raise InputError(f"Expected a JSON object. Received: {path}")
    return value
