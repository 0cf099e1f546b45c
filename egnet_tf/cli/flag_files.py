"""Flag files that include others relative to themselves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def expanded(words: Iterable[str], folder: Path = Path()) -> list[str]:
    """Puts the lines of a flag file in the place of --flagfile=FILE.

    absl does so as well, but seeks a file that another one includes in the working
    folder; here it is sought in the folder of the file that names it.

    Args:
        words: of a command line, or lines of a flag file.
        folder: where relative files are.

    Returns:
        The words with no --flagfile=FILE left; later ones win when parsed.

    Raises:
        OSError: a file cannot be read.
    """
    result = []
    for word in words:
        name, equals, file = word.partition("=")
        if not equals or name.lstrip("-") != "flagfile":
            result.append(word)
            continue
        path = folder / file
        lines = (line.strip() for line in path.read_text().splitlines())
        kept = [line for line in lines if line and not line.startswith(("#", "//"))]
        result += expanded(kept, path.parent)
    return result
