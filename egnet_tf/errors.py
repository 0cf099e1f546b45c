"""The one exception whose message is meant for the person at the keyboard."""


class InputError(ValueError):
    """What the user gave cannot be used.

    The message is one line: what was expected, then "Received: ...". Commands
    print it without a traceback and exit with code 1.
    """
