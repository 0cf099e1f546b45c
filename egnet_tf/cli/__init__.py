"""What every command shares: flags, flag files, errors in one line, tables."""

import sys


def _one_line_for_ctrl_c(kind, error, traceback, otherwise=sys.excepthook) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print("error: interrupted", file=sys.stderr)
    else:
        otherwise(kind, error, traceback)


# Here, because a command may still be importing its modules. Later `app.call` decides.
sys.excepthook = _one_line_for_ctrl_c
