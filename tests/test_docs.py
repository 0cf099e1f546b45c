"""README and docs: their code runs, the flags of their commands and their links exist.

    <!-- run -->            the block below is run by the fast tests
    <!-- run: slow -->      ... by the slow ones

Every Python block is run. Of a shell block that is not, the flags of every command of
this project are parsed. A comment `writes NAME` in a block that is run is checked too;
installations are left out.
"""

from __future__ import annotations

import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from egnet_tf.cli import app
from egnet_tf.cli.main import COMMANDS
from helpers import ROOT, environment, random_image

_BLOCK = re.compile(
    r"(?:^(?P<mark><!-- run(?P<slow>: slow)? -->)\n+)?"
    r"^```(?P<language>python|sh)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_INLINE = re.compile(r"`((?:python -m (?:egnet_tf|export)|egnet )[^`]*)`")
_HEADER = re.compile(r"^# Command: (python -m (?:[^\\\n]|\\\n#)*)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^()\s#:]*)(?:#([^()\s]*))?\)")
_WRITES = re.compile(r"# writes (\S+)")


class Block(NamedTuple):
    """A code block, "python" or "sh", run by the "fast" or "slow" tests or by ""."""

    page: str
    line: int
    language: str
    code: str
    mark: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


class Command(NamedTuple):
    """A command line of this project that a page shows."""

    where: str
    words: list[str]

    def __str__(self) -> str:
        return f"{self.where} {' '.join(self.words[:3])}"


def find_pages() -> list[Path]:
    """The Markdown files of the project."""
    found = [*ROOT.glob("*.md"), *(ROOT / ".github").rglob("*.md")]
    for folder in ("docs", "egnet_tf", "export", "mobile_demo"):
        found += (ROOT / folder).rglob("*.md")
    return sorted(path for path in found if "node_modules" not in path.parts)


def find_blocks(name: str, text: str) -> Iterator[Block]:
    """The Python and shell blocks of a page."""
    for match in _BLOCK.finditer(text):
        mark = ("slow" if match["slow"] else "fast") if match["mark"] else ""
        line = text.count("\n", 0, match.start("code")) + 1
        yield Block(name, line, match["language"], match["code"], mark)


def find_commands(name: str, text: str) -> Iterator[Command]:
    """The command lines of this project in a page or a flag file."""
    for block in find_blocks(name, text):
        if block.language == "sh":
            yield from _commands_of(str(block), block.code)
    for match in _INLINE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield from _commands_of(f"{name}:{line}", " ".join(match[1].split()))
    for match in _HEADER.finditer(text):
        yield from _commands_of(name, re.sub(r"\\\n#", " ", match[1]))


def _commands_of(where: str, code: str) -> Iterator[Command]:
    for line in re.sub(r"\\\n", " ", code).splitlines():
        # What a command is piped into, or where its messages go, is not ours.
        line = re.split(r"[|>&]", line)[0]
        if not re.match(r"python -m|egnet ", line):
            continue
        words = shlex.split(line, comments=True)
        # `egnet train ...` and `python -m egnet_tf.<command>` are prose.
        if not any("..." in word or "<" in word for word in words):
            yield Command(where, words)


def _read(paths: Iterable[Path]) -> dict[str, str]:
    names = [path.relative_to(ROOT).as_posix() for path in paths]
    return {name: (ROOT / name).read_text("utf-8") for name in names}


TEXTS = _read(find_pages())
BLOCKS = [block for name, text in TEXTS.items() for block in find_blocks(name, text)]
FLAG_FILES = _read(sorted((ROOT / "configs").rglob("*.flags")))
SHOWN = [
    command
    for name, text in {**TEXTS, **FLAG_FILES}.items()
    for command in find_commands(name, text)
]


# Commands


def parse(words: list[str], capsys) -> tuple[int, str]:
    """Exit code and message of a command that parses its flags and does no work."""
    if words[0] == "egnet":
        name = " ".join(words[1 : 3 if words[1] == "export" else 2])
        if name in ("", "--help"):
            return 0, ""
        if name not in COMMANDS:
            return 1, f"{name} is no command"
        module, words = COMMANDS[name], words[1 + len(name.split()) :]
    else:
        module, words = words[2], words[3:]
    if module == "egnet_tf.benchmarks":
        benchmarks = importlib.import_module("egnet_tf.benchmarks.__main__")
        if words[:1] in ([], ["MEASUREMENT"]):
            return 0, ""
        define, positional = benchmarks.command(words.pop(0))[0], None
    else:
        found = importlib.import_module(module)
        define = found.define_flags
        positional = getattr(found, "POSITIONAL", None)
    code = app.call(define, _no_work, words, positional)
    return code, capsys.readouterr().err


def _no_work(values) -> None:
    """What a command does whose flags alone are of interest."""


@pytest.mark.parametrize("command", SHOWN, ids=str)
def test_flags_of_a_documented_command_exist(command, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)  # --flagfile=configs/...
    if not command.words[2:3] or command.words[2].startswith(("egnet_tf", "export")):
        code, said = parse(command.words, capsys)
        assert code == 0, said


@pytest.mark.parametrize(
    "line",
    [
        "python -m egnet_tf.deblur photo.jpg --sharpen",
        "python -m egnet_tf.train --loss=best",
        "egnet restore photo.jpg",
    ],
)
def test_a_command_that_does_not_exist_is_found(line, capsys):
    (command,) = find_commands("page.md", f"```sh\n{line}\n```\n")
    assert parse(command.words, capsys)[0] == 1


def test_commands_are_found_in_blocks_prose_and_flag_files():
    places = {re.sub(r":\d+$", "", command.where) for command in SHOWN}
    assert {"README.md", "docs/paper.md", "configs/gopro.flags"} <= places
    assert len(SHOWN) > 60


# Code

RUNS_BLOCKS = pytest.mark.skipif(
    os.name == "nt", reason="Windows: the blocks are for a Unix shell"
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    """A folder with what the blocks use: a photo, folders of photos, pairs, a run."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "configs").symlink_to(ROOT / "configs", target_is_directory=True)
    sharp = random_image((8, 12, 3)).repeat(8, 0).repeat(8, 1)
    blurry = (sharp // 2 + np.roll(sharp, 3, 1) // 2).astype(np.uint8)
    for name, image in {"sharp": sharp, "restored": blurry}.items():
        Image.fromarray(image).save(folder / f"{name}.png")
    Image.fromarray(blurry).save(folder / "photo.jpg", quality=95)
    for name in ("photos/a.jpg", "photos/trip/b.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(blurry).save(folder / name)
    programs = folder / "bin"
    programs.mkdir()
    for name, words in {"python": "", "egnet": "-m egnet_tf.cli.main"}.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        program.chmod(0o755)
    return folder


_EXTRAS = {"onnx": "onnx", "openvino": "openvino"}
"""What a block needs beside the extra `train`, by a word in it that is a module."""


def run(block: Block, workspace: Path) -> subprocess.CompletedProcess:
    """Runs a block as its reader would, in the folder of the photo."""
    program = {"python": [sys.executable, "-c"], "sh": ["bash", "-ec"]}[block.language]
    path = os.pathsep.join([str(workspace / "bin"), os.environ["PATH"]])
    for module, extra in _EXTRAS.items():
        if module in block.code:
            pytest.importorskip(module, reason=f"needs the extra {extra}")
    for file in workspace.glob("photo_restored.*"):
        file.unlink()  # Another block's: what exists is not replaced.
    code = re.sub(r"^pip install .*$", "", block.code, flags=re.MULTILINE)
    done = subprocess.run(
        [*program, code],
        cwd=workspace,
        env=environment(PATH=path),
        capture_output=True,
        text=True,
    )
    for name in _WRITES.findall(block.code):
        if done.returncode == 0 and not (workspace / name).exists():
            done.returncode, done.stderr = 1, f"{block} did not write {name}"
    return done


def _marked(mark: str) -> list[Block]:
    return [block for block in BLOCKS if block.mark == mark]


@RUNS_BLOCKS
@pytest.mark.process
@pytest.mark.parametrize("block", _marked("fast"), ids=str)
def test_fast_block_runs(block, workspace):
    _check(run(block, workspace))


@pytest.mark.slow
@RUNS_BLOCKS
@pytest.mark.process
@pytest.mark.parametrize("block", _marked("slow"), ids=str)
def test_slow_block_runs(block, workspace):
    _check(run(block, workspace))


def _check(done: subprocess.CompletedProcess) -> None:
    assert done.returncode == 0, done.stdout + done.stderr


@RUNS_BLOCKS
@pytest.mark.process
@pytest.mark.parametrize(
    "text",
    [
        "```python\nimport egnet_tf\negnet_tf.no_such_name\n```\n",
        "```sh\nfalse\ntrue\n```\n",
        "```sh\ntrue  # writes nothing.jpg\n```\n",
    ],
)
def test_a_broken_block_fails(text, workspace):
    (block,) = find_blocks("page.md", text)
    assert run(block, workspace).returncode != 0


def test_every_python_block_is_run():
    unmarked = [str(x) for x in BLOCKS if x.language == "python" and not x.mark]
    assert not unmarked


def test_readme_and_the_how_to_pages_have_blocks_that_are_run():
    run_pages = {block.page for block in BLOCKS if block.mark}
    assert {"README.md", "docs/deblur.md", "docs/evaluate.md"} <= run_pages


# Links


def _anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub and MkDocs make them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {re.sub(r"\s", "-", heading.strip()) for heading in plain}


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_to_files_and_headings_that_exist(name):
    broken = []
    without_code = re.sub(r"```.*?```|`[^`]*`", "", TEXTS[name], flags=re.DOTALL)
    for target, anchor in _LINK.findall(without_code):
        path = (ROOT / name).parent / target if target else ROOT / name
        if target.startswith("../../actions/"):  # Of the repository on GitHub.
            continue
        if not path.exists():
            broken.append(target)
        elif (anchor and path.suffix == ".md") and (
            anchor not in _anchors(path.read_text("utf-8"))
        ):
            broken.append(f"{target}#{anchor}")
    assert not broken


def test_every_page_of_the_site_is_in_its_navigation():
    listed = (ROOT / "mkdocs.yml").read_text("utf-8")
    pages = (ROOT / "docs").rglob("*.md")
    names = [path.relative_to(ROOT / "docs").as_posix() for path in pages]
    assert not [name for name in names if name not in listed]
