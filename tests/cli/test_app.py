import dataclasses
import logging
import os
import re
import subprocess
import sys
import textwrap
import warnings

import absl.logging
import pytest
from absl import flags
from tqdm import tqdm

from egnet_tf.cli import app
from egnet_tf.cli import flags as option_flags
from egnet_tf.errors import InputError
from egnet_tf.options import option
from helpers import environment, python


@dataclasses.dataclass(frozen=True)
class Options:
    words: tuple[str, ...] = option((), "Some words.")


def define_flags(values):
    flags.DEFINE_string("name", None, "The name.", flag_values=values)
    option_flags.define(Options, values)


def call(*words, main=lambda values: print(values.name), positional="name"):
    return app.call(define_flags, main, words, positional)


def run(program):
    return python("-c", textwrap.dedent(program))


def test_positional_flag_needs_no_name(capsys):
    for words in (["photo.jpg"], ["--name=photo.jpg"], ["--words=a", "photo.jpg"]):
        assert call(*words) == 0
        assert capsys.readouterr().out == "photo.jpg\n"
    show = lambda values: print(*values.words)  # noqa: E731
    assert call("a,b", "c", main=show, positional="words") == 0
    assert capsys.readouterr().out == "a,b c\n"


def test_home_folder_stands_for_a_tilde_in_every_flag(capsys, monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("USERPROFILE", "/home/somebody")
    for given, path in (
        ("--name=~/x=~", "/home/somebody/x=~"),
        ("--name=~", "/home/somebody"),
        ("--name=~nobody_here.jpg", "~nobody_here.jpg"),
        ("a~=~", "a~=~"),
    ):
        assert call(given) == 0
        assert capsys.readouterr().out == f"{path}\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["a", "b"], "error: Expected flags (--name=value). Received: a b"),
        (["--nmae=x"], "error: Unknown command line flag 'nmae'. Did you mean: name"),
        (["--flagfile=none.flags"], "error: No such file or directory: none.flags"),
        (["--flagfile"], "error: Expected --flagfile=FILE. Received: no file"),
    ],
)
def test_wrong_flags_are_refused_in_one_line(words, line, capsys):
    assert call(*words) == 1
    assert capsys.readouterr().err.startswith(line)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("Expected a,\nb. Received: c"), 1, "Expected a, b. Received: c"),
        (InputError("no \x1b[31mred\udce4"), 1, "no \\x1b[31mred\\udce4"),
        (FileNotFoundError(2, "No such file", "x"), 1, "No such file: x"),
        (OSError(28, "No space left"), 1, "No space left"),
        (
            MemoryError("Unable to allocate 9 GiB"),
            1,
            "Expected more free memory. Received: Unable to allocate 9 GiB",
        ),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_user_errors_are_reported_in_one_line(error, code, line, capsys):
    def main(values):
        raise error

    assert call(main=main) == code
    assert capsys.readouterr().err == f"error: {line}\n"


def test_bugs_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        call(main=lambda values: 1 // 0)


def test_all_that_is_said_has_one_voice(capsys):
    def main(values):
        logging.getLogger("egnet_tf.data").warning("expected %d\npairs", 3)
        logging.getLogger("egnet_tf").error("a.png: damaged")
        logging.getLogger("a_library").critical("it breaks")
        absl.logging.warning("of absl")
        logging.getLogger("egnet_tf").info("nothing to report")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("a library's\nown", UserWarning, stacklevel=1)

    before = warnings.showwarning
    assert call(main=main) == 0
    assert warnings.showwarning is before
    assert capsys.readouterr().err == (
        "warning: expected 3 pairs\n"
        "error: a.png: damaged\n"
        "error: it breaks\n"
        "warning: of absl\n"
        "warning: a library's own\n"
    )


def test_what_is_said_is_not_written_into_a_progress_bar(capsys):
    def main(values):
        with tqdm(total=2, file=sys.stderr, ascii=True) as bar:
            bar.update()
            logging.getLogger("egnet_tf").warning("a pair is missing")
            bar.update()

    assert call(main=main) == 0
    said = capsys.readouterr().err
    assert re.search(r"[\r\n]warning: a pair is missing\n", said)


def test_help_prints_every_flag_and_the_docstring(capsys):
    assert call("--nmae", "--help") == 0
    out = capsys.readouterr().out
    assert "  --name\n      The name.\n" in out
    assert "--flagfile" in out and "--help" in out


PROGRAM = """
    from absl import flags
    from egnet_tf.cli import app

    def define_flags(values):
        for number in range(3000):
            flags.DEFINE_string(f"n{number}", None, "No.", flag_values=values)
        flags.DEFINE_string("name", None, "The name.", flag_values=values)

    def main(values):
        print(values.name * 100_000 if values.name else "")

    app.run(define_flags, main)
"""


@pytest.mark.process
@pytest.mark.skipif(os.name == "nt", reason="no bash")
@pytest.mark.parametrize("word", ["--help", "--name=long"])
def test_closed_pipe_is_no_error(word):
    pipe = f'"$0" -c "$1" {word} | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}'
    command = ["bash", "-c", pipe, sys.executable, textwrap.dedent(PROGRAM)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert done.stderr == ""
    assert done.returncode == (0 if word == "--help" else 141)


@pytest.mark.process
def test_names_the_terminal_cannot_show_are_printed_without_error():
    program = PROGRAM.replace("print(", "print('\\udce4 \\U0001f642'); print(")
    done = run(program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("\\udce4 ")


@pytest.mark.slow
@pytest.mark.process
def test_commands_import_without_tensorflow_and_load_it_quietly():
    done = run(
        """
        import sys
        from egnet_tf.cli import app

        def main(values):
            print("tensorflow" in sys.modules)
            import tensorflow as tf
            print(int(tf.constant(2) + 1))

        app.run(lambda values: None, main)
        """
    )
    assert done.stdout == "False\n3\n"
    assert done.stderr == ""
