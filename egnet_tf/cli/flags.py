"""Flags from dataclasses of options, see `egnet_tf.options`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from absl import flags

from egnet_tf.options import Option, flatten, unflatten

_Options = TypeVar("_Options")


class OptionParser(flags.ArgumentParser):
    """Hands a flag's text to its option, and the option to --help."""

    def __init__(self, option: Option):
        super().__init__()
        self.option = option

    def parse(self, argument: Any) -> Any:
        """The value of a text; a value stays as it is."""
        return self.option.parse(argument) if isinstance(argument, str) else argument


class _Serializer(flags.ArgumentSerializer):
    def __init__(self, option: Option):
        self._option = option

    def serialize(self, value: Any) -> str:
        return self._option._replace(value=value).text


def define(
    options_class: Callable[[], object], values: flags.FlagValues, prefix: str = ""
) -> None:
    """Defines a flag for each option.

    Args:
        options_class: the class, or another function that gives the defaults.
        values: where to define them.
        prefix: of the flags' names.
    """
    for option in flatten(options_class(), prefix):
        if option.kind is bool:
            flags.DEFINE_bool(
                option.name, option.value, option.help, flag_values=values
            )
        else:
            flags.DEFINE(
                OptionParser(option),
                option.name,
                option.value,
                option.help,
                flag_values=values,
                serializer=_Serializer(option),
            )


def read(
    options_class: Callable[[], _Options], values: flags.FlagValues, prefix: str = ""
) -> _Options:
    """The options that parsed flags describe; see `define` for the arguments."""
    defaults = options_class()
    names = (option.name for option in flatten(defaults, prefix))
    return unflatten(defaults, {name: values[name].value for name in names}, prefix)


def changed(
    options_class: Callable[[], object], values: flags.FlagValues, prefix: str = ""
) -> dict[str, str]:
    """The texts of the options that do not have their defaults, by flag."""
    options = flatten(read(options_class, values, prefix), prefix)
    return {
        option.name: option.text
        for option, usual in zip(options, flatten(options_class(), prefix), strict=True)
        if option.value != usual.value
    }
