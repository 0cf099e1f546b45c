"""Models on the Hugging Face hub, downloaded once and kept in its cache.

    hf://user/name                   a run: weights/, and .tflite files beside it
    hf://user/name@revision          at a branch, a tag or a commit
    hf://user/name/file.tflite       one exported file of it

Only weights, their description and LiteRT files are fetched: nothing that is run as
Python. Where there is no network, or with HF_HUB_OFFLINE=1, the cache is used.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from tqdm.asyncio import tqdm_asyncio

from egnet_tf.errors import InputError, require

SCHEME = "hf://"

CHECKSUMS = "SHA256SUMS"
"""The file of checksums, as `sha256sum --check` reads it."""

_WEIGHTS = ("weights/model.json", "weights/*.weights.h5")
_LITERT = ("*.tflite", "*.tflite.json")

_ADDRESS = re.compile(
    r"hf://(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[^/@]+))?(/(?P<file>[^@]+))?"
)
_CHUNK = 1 << 20


class _Bar(tqdm_asyncio):
    """A progress bar that is drawn on a terminal only."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__(
            *args, **{**options, "disable": options.get("disable") or None}
        )


def is_address(model: str | os.PathLike[str]) -> bool:
    """Whether a model is named by its address on the hub."""
    return os.fspath(model).startswith(SCHEME)


def check_repo(repo: str) -> None:
    """Checks the name of a repository.

    Raises:
        InputError: it is not of the form user/name.
    """
    address = _ADDRESS.fullmatch(f"{SCHEME}{repo}")
    if address is None or address["repo"] != repo:
        raise InputError(f"Expected a repository as user/name. Received: {repo}")


@functools.cache
def download(address: str) -> Path:
    """Fetches what an address names, or finds it in the cache.

    A download that was interrupted is resumed. Once in a process, each address is
    looked up on the hub: a revision does not change under a command.

    Returns:
        The folder of a run, or the .tflite file.

    Raises:
        InputError: no such repository, revision or file, no network and nothing in the
            cache, a file whose checksum is not that of SHA256SUMS, or the extra `hub`
            is not installed.
    """
    found = _ADDRESS.fullmatch(address)
    file = found["file"] if found else None
    if found is None or (file and not file.endswith(".tflite")):
        raise InputError(
            f"Expected {SCHEME}user/name, with @revision or /file.tflite behind it. "
            f"Received: {address}"
        )
    require("huggingface_hub")
    from huggingface_hub import errors, snapshot_download

    # What it warns of is an error below.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    patterns = [CHECKSUMS, *((file, f"{file}.json") if file else _WEIGHTS + _LITERT)]
    try:
        folder = Path(
            snapshot_download(
                found["repo"],
                revision=found["revision"],
                allow_patterns=patterns,
                tqdm_class=_Bar,
            )
        )
    except errors.GatedRepoError:
        raise InputError(
            "Expected a model that is open to you: ask for access on its page, then "
            f"log in with `hf auth login`. Received: {address}"
        ) from None
    except errors.RevisionNotFoundError:
        raise InputError(
            f"Expected a revision that exists. Received: {address}"
        ) from None
    except errors.RepositoryNotFoundError:
        raise InputError(
            "Expected a repository that exists, or if it is private, `hf auth login`. "
            f"Received: {address}"
        ) from None
    except errors.HFValidationError as error:
        raise InputError(f"{_line(error)}. Received: {address}") from None
    except (errors.HTTPError, errors.LocalEntryNotFoundError, OSError) as error:
        if isinstance(error, OSError) and error.errno and error.filename:
            raise  # Of the disk: the cache cannot be written.
        raise InputError(
            f"Expected a connection to the hub, or the model in its cache "
            f"({_line(error)}). Received: {address}"
        ) from None
    _check(folder, address)
    path = folder / file if file else folder
    if not (path.is_file() if file else (path / "weights").is_dir()):
        expected = file or "a folder weights/"
        raise InputError(f"Expected {expected} in the repository. Received: {address}")
    return path


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _check(folder: Path, address: str) -> None:
    """Compares the files that were fetched with the checksums beside them, if any."""
    sums = folder / CHECKSUMS
    if not sums.is_file():
        return
    for line in sums.read_text("utf-8", "replace").splitlines():
        expected, _, name = line.partition("  ")
        path = folder / name
        inside = name and ".." not in PurePosixPath(name).parts and not path.is_dir()
        if inside and path.is_file() and sha256(path) != expected:
            raise InputError(
                f"Expected {name} with the checksum of {CHECKSUMS}; delete {folder} to "
                f"fetch it again. Received: another, of {address}"
            )


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].strip().rstrip(".:")
