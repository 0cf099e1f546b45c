"""What tells whether data are those that a run was begun with."""

from __future__ import annotations

import hashlib
import os
from typing import Any, NamedTuple

from egnet_tf.data.pairs import Pairs
from egnet_tf.data.real_files import real_file


class Fingerprint(NamedTuple):
    """Of a split: how many pairs, and a SHA-256 of names and of the files' sizes.

    Where the files lie is no part of it: data may be moved.
    """

    pairs: int
    sha256: str

    @classmethod
    def of(cls, pairs: Pairs) -> Fingerprint:
        """Reads no file, but asks for the size of each.

        Raises:
            OSError: a file is gone.
        """
        digest = hashlib.sha256()
        for name in (*pairs.inputs, *pairs.names):
            digest.update(name.encode("utf-8", "surrogateescape") + b"\0")
        for file in pairs.source_files():
            digest.update(b"%d\0" % os.stat(file).st_size)
        return cls(len(pairs), digest.hexdigest())

    @classmethod
    def from_json(cls, value: Any) -> Fingerprint | None:
        """What a JSON file holds of one; None if it holds something else."""
        try:
            return cls(int(value["pairs"]), str(value["sha256"]))
        except (KeyError, TypeError, ValueError):
            return None


def files_in_both(one: Pairs, other: Pairs) -> list[str]:
    """The files of `other` that `one` is made from as well, by whatever names.

    A link is the file that it leads to.
    """
    known = {real_file(file) for file in one.source_files()}
    return [str(x) for x in other.source_files() if real_file(x) in known]
