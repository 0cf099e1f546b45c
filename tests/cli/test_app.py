import subprocess
import sys

import pytest

SCRIPT = """
from absl import flags
from egnet_tf.cli import app
from egnet_tf.errors import InputError

NAME = flags.DEFINE_string("name", None, "a name")
FAIL = flags.DEFINE_enum("fail", "", ["", "input", "system", "bug"], "how to fail")

def main():
    if FAIL.value == "input":
        raise InputError("Expected a,\\nb. Received: c")
    if FAIL.value == "system":
        open("/nowhere/at/all")
    if FAIL.value == "bug":
        raise ZeroDivisionError
    print(NAME.value)

app.run(main, subject="name")
"""


def run(*words, cwd=None):
    command = [sys.executable, "-c", SCRIPT, *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def test_the_subject_needs_no_name():
    assert run("photo.jpg").stdout == "photo.jpg\n"
    assert run("--name=photo.jpg").stdout == "photo.jpg\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--fail=input"], "error: Expected a, b. Received: c\n"),
        (["--fail=system"], "error: No such file or directory: /nowhere/at/all\n"),
        (["a", "b"], "error: Expected flags (--name=value). Received: a b"),
        (["--nmae=x"], "error: Unknown command line flag 'nmae'"),
        (["--flagfile=none.flags"], "error: No such file or directory: none.flags\n"),
    ],
)
def test_a_users_mistake_is_one_line(words, line):
    done = run(*words)
    assert done.returncode == 1
    assert done.stderr.startswith(line) and done.stderr.count("\n") == 1


def test_a_bug_keeps_its_traceback():
    done = run("--fail=bug")
    assert done.returncode != 0
    assert "Traceback" in done.stderr and "ZeroDivisionError" in done.stderr


def test_flag_files_include_others_relative_to_themselves(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "one.flags").write_text("# first\n--flagfile=../b/two.flags\n")
    (tmp_path / "b" / "two.flags").write_text("--name=two\n")
    assert run("--flagfile=a/one.flags", cwd=tmp_path).stdout == "two\n"
    assert run("--flagfile=a/one.flags", "--name=x", cwd=tmp_path).stdout == "x\n"


def test_importing_commands_is_light_and_tensorflow_comes_quietly():
    code = (
        "import sys; from egnet_tf import commands; "
        "print('tensorflow' in sys.modules); import tensorflow as tf; "
        "print(int(tf.constant(2) + 1))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n3\n"
    assert done.stderr == ""
