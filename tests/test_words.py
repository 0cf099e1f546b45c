"""The project keeps to one word for one thing (the glossary of CONTRIBUTING.md)."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

THIS = Path(__file__).resolve()
ROOT = THIS.parents[1]
SUFFIXES = (
    *(".cff", ".config", ".css", ".flags", ".html", ".json", ".kt", ".kts", ".md"),
    *(".mjs", ".py", ".sh", ".svg", ".toml", ".ts", ".webmanifest", ".xml", ".yaml"),
    ".yml",
)
NAMES = {"Makefile", "run"}
# Written by npm, with the names of other projects.
NOT_OURS = {"package-lock.json"}
# What a folder that is no checkout may hold besides the project.
SKIPPED_FOLDERS = {"build", "data", "dist", "node_modules", "runs", "venv"}

# A word that is refused, as a regular expression, and what to write instead. A space
# also stands for a line break within a comment.
REFUSED = {
    r"pictur": "image, or photo for what a person hands in",
    r"\bshaken\b": "under camera shake",
    r"\bfilm(?:ed|ing)\b": "under camera motion",
    r"""["'`]film["'`]|\bfilm:(?=\S)|=film\b""": "camera_motion",
    r"""["'`]shake["'`]|\bshake:(?=\S)|=shake\b|--shake""": "camera_shake",
    r"\bsittings?\b": "run",
    r"\bdata sets?\b": "dataset",
    r"\bbricks?\b": "layer, module",
    r"\b(?:the|this) house\b|\brooms\b": "package, layout",
    r"\blonely\b": "unmatched",
    r"\breviv(?:e|es|ed|al|ing)\b": "repair",
    r"\bstrangers?\b": "whoever is meant: a user, a separate process",
    r"\b(?:go|goes|going|gone|went) on\b(?! (?:a|the)\b)": "resume, continue",
    r"""--(?:no)?turns?\b|["'`]turns?["'`]|[Tt]urns? by \d|-degree turn""": (
        "rotate90, rotate180, rotation"
    ),
    r"--blurry\b": "--folder_blurry",
}
# (path, text, reason): a match within such a text is no use of the word.
ALLOWED = [
    (r".*\.html", r"</?picture\b", "HTML's element"),
]


def files() -> Iterator[Path]:
    """The text files of the project, tracked ones only where git can tell."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        command = ["git", "ls-files", "-z"]
        names = subprocess.check_output(command, cwd=ROOT, text=True).split("\0")
        paths = [ROOT / name for name in names if name]
    else:
        paths = [path for path in ROOT.rglob("*") if not _is_skipped(path)]
    for path in paths:
        is_text = path.suffix in SUFFIXES or path.name in NAMES
        if is_text and path.name not in NOT_OURS and path != THIS and path.is_file():
            yield path


def _is_skipped(path: Path) -> bool:
    folders = path.relative_to(ROOT).parts[:-1]
    return any(
        name in SKIPPED_FOLDERS
        or name.endswith(".egg-info")
        or (name.startswith(".") and name not in {".ci", ".github"})
        for name in folders
    )


def refused_words(path: str, text: str) -> list[str]:
    """One line for each refused word of a file, its name included."""
    allowed = [
        match.span()
        for where, what, _ in ALLOWED
        if re.fullmatch(where, path)
        for match in re.finditer(what, text)
    ]
    lines = []
    for word, better in REFUSED.items():
        # A line break and the marker of a comment may separate two words.
        spaced = word.replace(" ", r"[\s#*/]+")
        for match in re.finditer(spaced, text, re.IGNORECASE):
            if not any(a <= match.start() and match.end() <= b for a, b in allowed):
                line = text.count("\n", 0, match.start()) + 1
                found = " ".join(match[0].split())
                lines.append(f"{path}:{line}: {found!r}; write: {better}")
        if re.search(word, path, re.IGNORECASE):
            lines.append(f"{path}: its name; write: {better}")
    return lines


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("the read_picture function", 1),
        ("class PictureFile: ...", 1),
        ("# a data\n# set of pairs", 1),
        ("/**\n * It goes\n * on after a stop.\n */", 1),
        ("branches = ['turn', 'flips']", 1),
        ("train --turns --shake_still=0.1", 2),
        ("the function turns an image into a tensor", 0),
        ("the patches go on the batch axis", 0),
        ("a dataset of images under camera shake, resumed", 0),
    ],
)
def test_refused_words_are_found_in_names_and_over_line_breaks(text, found):
    assert len(refused_words("file.md", text)) == found


def test_allowed_texts_are_not_refused():
    assert not refused_words("index.html", "<picture><img></picture>")
    assert refused_words("index.md", "a <picture")


@pytest.mark.process
def test_no_file_uses_a_refused_word():
    found = []
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        found += refused_words(name, path.read_text("utf-8"))
    assert not found, "\n" + "\n".join(found)
