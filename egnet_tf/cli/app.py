"""What every command shares: parsing, --help, and errors and warnings in one line.

A command is a module with `define_flags(values)` and `main(values)`; it ends with

    if __name__ == "__main__":
        app.run(define_flags, main)
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn

from absl import flags
from tqdm import tqdm

from egnet_tf.cli import quiet_tensorflow
from egnet_tf.cli.flag_files import expanded
from egnet_tf.cli.flags import OptionParser
from egnet_tf.errors import InputError, explained

DefineFlags = Callable[[flags.FlagValues], None]
Main = Callable[[flags.FlagValues], "int | None"]

_WIDTH = 80


def run(
    define_flags: DefineFlags,
    main: Main,
    positional: str | None = None,
) -> NoReturn:
    """Runs a command on this process's arguments and exits with its code.

    Args:
        define_flags: defines the flags of the command.
        main: the command; gets the parsed flags and may return an exit code.
        positional: name of the flag that may be given without its name, before or
            after the others, as in `deblur photo.jpg`. A list takes several words.
    """
    quiet_tensorflow.install()
    for stream in (sys.stdout, sys.stderr):
        # A file name that the terminal cannot show is no reason to fail.
        stream.reconfigure(errors="backslashreplace")  # pyright: ignore
    code = 141  # As a shell reports SIGPIPE, if the reader goes away during the work.
    try:
        code = call(define_flags, main, sys.argv[1:], positional)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader is gone, as after `| head`. Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def call(
    define_flags: DefineFlags,
    main: Main,
    words: Sequence[str],
    positional: str | None = None,
) -> int:
    """Runs a command on the words of a command line; for the arguments, see `run`.

    A mistake in the flags, an `InputError`, an extra that is not installed, too little
    memory and an error of the operating system (missing file, full disk, no permission)
    become one line on stderr, "error: ...". Any other exception is a bug of ours and
    keeps its traceback. What is logged or warned of meanwhile, by us or by a library,
    is printed in the same voice: "error: ..." or "warning: ...".

    Returns:
        The exit code: what `main` returned or 0, 1 after an error, 130 after Ctrl-C.
    """
    values = flags.FlagValues()
    define_flags(values)
    try:
        with _one_voice():
            words = [_at_home(word) for word in expanded(words)]
            if {"--help", "-help", "-h"} & set(words):
                with contextlib.suppress(BrokenPipeError):
                    print(_help(sys.modules[main.__module__].__doc__ or "", values))
                return 0
            _parse(values, words, positional)
            return main(values) or 0
    except BrokenPipeError:
        raise
    except flags.Error as error:
        # absl wraps what an option says about its value.
        said = error.__context__
        return _fail(f"{said if isinstance(said, InputError) else error} (try --help)")
    except InputError as error:
        return _fail(str(error))
    except ModuleNotFoundError as error:
        said = explained(error)
        if said is error:
            raise
        return _fail(str(said))
    except MemoryError as error:
        return _fail(f"Expected more free memory. Received: {error or 'none left'}")
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        return _fail(f"{error.strerror or error}{where}")
    except KeyboardInterrupt as error:
        # A command that resumes says so.
        return _fail(": ".join(["interrupted", *map(str, error.args)]), code=130)


def shown(name: object) -> str:
    """A file's name as it may be printed: line breaks and escape codes escaped."""
    return "".join(
        x if x.isprintable() else x.encode("unicode_escape").decode() for x in str(name)
    )


def _at_home(word: str) -> str:
    """`--name=~/path` with the home folder for ~, which shells leave to the command."""
    name, equals, value = word.partition("=")
    if not (name.startswith("-") and value.startswith("~")):
        return word
    return name + equals + os.path.expanduser(value)


def _parse(
    values: flags.FlagValues, words: Sequence[str], positional: str | None
) -> None:
    values.set_gnu_getopt()
    rest = values(["command", *words])[1:]
    if rest and positional and not values[positional].present:
        flag = values[positional]
        if isinstance(flag.parser, OptionParser) and flag.parser.option.is_list:
            flag.value, rest = tuple(rest), []
        elif len(rest) == 1:
            flag.value = flag.parser.parse(rest.pop())
    if rest:
        raise flags.Error(f"Expected flags (--name=value). Received: {' '.join(rest)}")


def _help(about: str, values: flags.FlagValues) -> str:
    """What --help prints: the command's docstring and every flag."""
    entries = []
    for name in values:
        flag = values[name]
        title = f"--[no]{name}" if flag.boolean else f"--{name}"
        if flag.default not in (None, "", (), []):
            default = (flag.default_as_str or "").strip("'")
            title += f" (default: {default})"
        entries.append((title, help_text(flag)))
    entries.append(
        ("--flagfile", "A file of flags, one a line, in the place of these.")
    )
    entries.append(("--help", "Print this text and exit."))
    indent = " " * 6
    listed = (
        f"  {title}\n"
        + textwrap.fill(text, _WIDTH, initial_indent=indent, subsequent_indent=indent)
        for title, text in entries
    )
    return "\n".join([about.strip(), "", "Flags:", *listed])


def help_text(flag: flags.Flag) -> str:
    """The sentences that --help prints for a flag: its help, then what it allows."""
    parser, sentences = flag.parser, flag.help
    if isinstance(parser, OptionParser):
        option = parser.option
        choices, lower, upper = option.choices, option.lower, option.upper
    else:
        choices, lower, upper = getattr(parser, "enum_values", None), None, None
        if choices:  # absl writes them before the help.
            sentences = sentences.removeprefix(f"<{'|'.join(choices)}>: ")
        sentences = sentences.replace(
            ";\n    repeat this option to specify a list of values", " May be repeated."
        )
    if choices:
        sentences += f" One of {', '.join(choices)}."
    if lower:
        sentences += f" At least {lower:g}."
    if upper is not None:
        sentences += f" At most {upper:g}."
    return sentences


@contextlib.contextmanager
def _one_voice() -> Iterator[None]:
    """Prints what is logged as a warning or worse, and Python's, as our errors are."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        _say("warning", str(message))

    root, handler = logging.getLogger(), _OneLine(logging.WARNING)
    root.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = show
            yield
    finally:
        root.removeHandler(handler)


class _OneLine(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        kind = "error" if record.levelno >= logging.ERROR else "warning"
        _say(kind, record.getMessage())


def _fail(message: str, code: int = 1) -> int:
    _say("error", message)
    return code


def _say(kind: str, message: str) -> None:
    line = shown(" ".join(message.split()))
    # Not into the middle of a progress bar.
    with tqdm.external_write_mode(sys.stderr):
        print(f"{kind}: {line}", file=sys.stderr, flush=True)
