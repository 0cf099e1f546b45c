"""What every command shares: flags, flag files, errors in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from absl import app, flags, logging

from egnet_tf import quiet_tensorflow
from egnet_tf.errors import InputError

# On import, for commands import it before anything that needs TensorFlow.
quiet_tensorflow.install()


def run(main: Callable[[], int | None]) -> None:
    """Parses the flags, runs `main` and exits with its code.

    A mistake in the flags, an `InputError` and an error of the operating system
    (missing file, full disk, no permission) become one line on stderr and exit
    code 1; a keyboard interrupt exits with 130. Any other exception is a bug of
    ours and keeps its traceback.
    """

    def parse(argv: list[str]) -> list[str]:
        try:
            positional = flags.FLAGS([argv[0], *_expanded(argv[1:], Path())])[1:]
            if positional:
                raise InputError(
                    f"Expected only flags (--name=value). Received: {positional}"
                )
        except (flags.Error, InputError) as error:
            _fail(f"{error} (try --help)")
        except OSError as error:
            _fail(_describe(error))
        return argv

    def guarded(_: list[str]) -> int | None:
        if not flags.FLAGS["verbosity"].present:
            # INFO is where libraries report on themselves.
            logging.set_verbosity(logging.WARNING)
        try:
            return main()
        except InputError as error:
            _fail(str(error))
        except OSError as error:
            _fail(_describe(error))
        except KeyboardInterrupt:
            _fail("interrupted", code=130)

    app.run(guarded, flags_parser=parse)


def _expanded(words: list[str], folder: Path) -> list[str]:
    """Puts the lines of a flag file in the place of --flagfile=FILE.

    absl does so as well, but seeks a file that another one includes in the working
    folder; here it is sought in the folder of the file that names it.
    """
    result = []
    for word in words:
        name, equals, file = word.partition("=")
        if not equals or name.lstrip("-") != "flagfile":
            result.append(word)
            continue
        path = folder / file
        lines = (line.strip() for line in path.read_text().splitlines())
        lines = [line for line in lines if line and not line.startswith(("#", "//"))]
        result += _expanded(lines, path.parent)
    return result


def _describe(error: OSError) -> str:
    where = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or error}{where}"


def _fail(message: str, code: int = 1) -> None:
    print("error: " + " ".join(message.split()), file=sys.stderr, flush=True)
    sys.exit(code)
