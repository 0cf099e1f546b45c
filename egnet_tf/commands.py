"""What every command shares: quiet logs, flag parsing, errors in one line."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator

from absl import app, flags, logging

from egnet_tf.errors import InputError


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


# TensorFlow's start-up notices (which CPU, no GPU) would bury our own output. Some are
# written before its log level counts, so its first import is muted as well.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with _quiet_stderr():
    import tensorflow as _  # noqa: F401


def run(main: Callable[[], int | None]) -> None:
    """Parses the flags, runs `main` and exits with its code.

    A mistake in the flags, an `InputError` and an error of the operating system
    (missing file, full disk, no permission) become one line on stderr and exit
    code 1; a keyboard interrupt exits with 130. Any other exception is a bug of
    ours and keeps its traceback.
    """

    def parse(argv: list[str]) -> list[str]:
        try:
            positional = flags.FLAGS(argv)[1:]
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
        try:
            return main()
        except InputError as error:
            _fail(str(error))
        except OSError as error:
            _fail(_describe(error))
        except KeyboardInterrupt:
            _fail("interrupted", code=130)

    # Warnings and errors only; INFO is where libraries report on themselves.
    flags.FLAGS.set_default("verbosity", logging.WARNING)
    app.run(guarded, flags_parser=parse)


def _describe(error: OSError) -> str:
    where = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or error}{where}"


def _fail(message: str, code: int = 1) -> None:
    print("error: " + " ".join(message.split()), file=sys.stderr, flush=True)
    sys.exit(code)
