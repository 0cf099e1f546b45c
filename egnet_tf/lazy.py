"""Packages that import a module of theirs when one of its names is first used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence

from egnet_tf.errors import explained


def lazy_names(
    package: str, homes: Mapping[str, Sequence[str]]
) -> Callable[[str], object]:
    """Makes the `__getattr__` of a package (PEP 562) from the names of each module.

    A name must not be that of a module of the package: Python sets modules as
    attributes of their package once they are imported.

    The function raises an `InputError` where the module needs an extra that is not
    installed (`egnet_tf.errors.missing_extra`).
    """
    modules = {name: module for module, names in homes.items() for name in names}

    def get(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            return getattr(importlib.import_module(modules[name]), name)
        except ModuleNotFoundError as error:
            raise explained(error) from None

    return get
