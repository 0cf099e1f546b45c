"""One process at a time in a folder that is written over hours and resumed.

The operating system holds the lock and releases it when the process ends, however it
ends: what a crash leaves behind of the file locks nothing.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from egnet_tf.errors import InputError

LOCK = ".egnet.lock"

if sys.platform == "win32":
    import msvcrt

    _BYTE = 2**30
    """Beyond the text: a byte that is locked cannot be read by others."""

    def _try_lock(file: int) -> None:
        os.lseek(file, _BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError from error
        os.lseek(file, 0, os.SEEK_SET)

else:
    import fcntl

    def _try_lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def only_process(folder: Path) -> Iterator[None]:
    """Inside, no other process gets the folder, which is made if it is not there.

    If it is still empty afterwards, it is removed again. On a file system without
    locks, such as some of network drives, two processes are not told apart.

    Raises:
        InputError: another process has it; names that process.
        OSError: the folder cannot be written.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    try:
        file = _open_locked(path)
        try:
            yield
        finally:
            # Deleted while it is still locked: see `_open_locked`.
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            os.close(file)
    finally:
        with contextlib.suppress(OSError):
            for empty in made:
                empty.rmdir()


def _open_locked(path: Path) -> int:
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _try_lock(file)
        except BlockingIOError:
            holder = os.read(file, 1000).decode("utf-8", "replace").strip()
            os.close(file)
            raise InputError(
                f"Expected to be the only process that writes {path.parent}. "
                f"Received: another one is at work, {holder or 'just started'}"
            ) from None
        except OSError:
            return file  # The file system has no locks.
        # The one before may have deleted the file between our opening and locking it.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), os.stat(path)):
                break
        os.close(file)
    now = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
    with contextlib.suppress(OSError):  # A full disk: others will not learn who it is.
        os.truncate(file, 0)
        text = f"process {os.getpid()} on {socket.gethostname()}, since {now}\n"
        os.write(file, text.encode("utf-8", "replace"))
    return file
