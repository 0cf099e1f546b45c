"""A share of many files, the same on every machine: --shard=2/8.

A file belongs to the shard that the SHA-256 checksum of its name says, so that no
process needs to know of the others, and a file that is added moves no other file.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from egnet_tf.errors import InputError

SHARD_HELP = (
    "Which of how many shares is for this process, 1/8 to 8/8: of files by their "
    "names, so that as many processes do all of them, each once."
)


class Shard(NamedTuple):
    """One of `count` shares; `index` begins at 1."""

    index: int
    count: int

    def __str__(self) -> str:
        """As in --shard."""
        return f"{self.index}/{self.count}"

    def holds(self, name: str) -> bool:
        """Whether the file of that name is in this share."""
        # Names that are not UTF-8 have surrogates in Python.
        checksum = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(checksum[:8], "big") % self.count == self.index - 1


ALL = Shard(1, 1)


def parse_shard(text: str) -> Shard:
    """Reads "2/8"; "" is all.

    Raises:
        InputError: it is not a number from 1 on, a slash and a number not below it.
    """
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text or "1/1", re.ASCII)
    shard = Shard(int(match[1]), int(match[2])) if match else Shard(0, 0)
    if not 1 <= shard.index <= shard.count:
        raise InputError(
            f"Expected a shard such as 2/8, of 1/8 to 8/8. Received: {text!r:.60}"
        )
    return shard
