"""Flag files that include others relative to themselves."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from egnet_tf.errors import InputError
from egnet_tf.options import unquoted


def expanded(words: Iterable[str], *including: Path) -> Iterator[str]:
    """Yields words with the lines of each flag file in the place of its name.

    absl does so as well, but looks in the working folder for a file that another one
    includes; here it is looked for in the folder of the file that names it. The files
    on the way to these words are given as `including`, the last one first. No
    --flagfile is left; later words win when they are parsed.

    Raises:
        InputError: a file is no text, or includes itself.
        OSError: a file cannot be read.
    """
    words = iter(words)
    for word in words:
        match = re.fullmatch(r"--?flagfile(?:[=\s]\s*(.*))?", word)
        if not match:
            yield word
            continue
        name = match[1] or next(words, "")
        if not name:
            raise InputError("Expected --flagfile=FILE. Received: no file")
        folder = including[0].parent if including else Path()
        path = folder / Path(name).expanduser()
        if any(path.samefile(other) for other in including):
            raise InputError(
                f"Expected flag files that do not include themselves. Received: {path}"
            )
        lines = (line.strip() for line in _text(path).splitlines())
        kept = (line for line in lines if line and not line.startswith(("#", "//")))
        yield from expanded(map(_without_quotes, kept), path, *including)


def _without_quotes(line: str) -> str:
    flag, equals, value = line.partition("=")
    return f"{flag}{equals}{unquoted(value)}"


def _text(path: Path) -> str:
    """Reads a file in the encodings that editors write."""
    content = path.read_bytes()
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise InputError(f"Expected a flag file in UTF-8. Received: {path}")
    return text
