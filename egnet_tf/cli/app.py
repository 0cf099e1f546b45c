"""What every command shares: flags, flag files, errors in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable

from absl import app, flags, logging

from egnet_tf.cli import quiet_tensorflow
from egnet_tf.cli.flag_files import expanded
from egnet_tf.errors import InputError

# On import, for commands import it before anything that needs TensorFlow.
quiet_tensorflow.install()


def run(main: Callable[[], int | None], subject: str | None = None) -> None:
    """Parses the flags, runs `main` and exits with its code.

    Args:
        main: the command.
        subject: name of the flag that may be given without its name, before or
            after the others, as in `deblur photo.jpg`. A list takes several words.

    A mistake in the flags, an `InputError` and an error of the operating system
    (missing file, full disk, no permission) become one line on stderr and exit
    code 1; a keyboard interrupt exits with 130. Any other exception is a bug of
    ours and keeps its traceback.
    """

    def parse(argv: list[str]) -> list[str]:
        try:
            flags.FLAGS.set_gnu_getopt()
            words = flags.FLAGS([argv[0], *expanded(argv[1:])])[1:]
            if subject and words and flags.FLAGS[subject].value is None:
                flag = flags.FLAGS[subject]
                if isinstance(flag.parser, flags.ListParser):
                    flag.value, words = words, []
                elif len(words) == 1:
                    flag.value = words.pop()
            if words:
                raise InputError(
                    f"Expected flags (--name=value). Received: {' '.join(words)}"
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


def _describe(error: OSError) -> str:
    where = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or error}{where}"


def _fail(message: str, code: int = 1) -> None:
    print("error: " + " ".join(message.split()), file=sys.stderr, flush=True)
    sys.exit(code)
