"""Flags from dataclasses of options, see `egnet_tf.options`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from absl import flags

from egnet_tf.options import Option, changes, flatten, unflatten

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


def define(options_class: Callable[[], object], values: flags.FlagValues) -> None:
    """Defines a flag for each option of a class, or of what a function returns."""
    for one in flatten(options_class()):
        if one.kind is bool:
            flags.DEFINE_bool(one.name, one.value, one.help, flag_values=values)
        else:
            parser, serializer = OptionParser(one), _Serializer(one)
            flags.DEFINE(parser, one.name, one.value, one.help, values, serializer)


def read(options_class: Callable[[], _Options], values: flags.FlagValues) -> _Options:
    """The options that parsed flags describe; see `define` for the arguments."""
    defaults = options_class()
    return unflatten(
        defaults, {x.name: values[x.name].value for x in flatten(defaults)}
    )


def changed(
    options_class: Callable[[], object], values: flags.FlagValues
) -> dict[str, str]:
    """The texts of the options that do not have their defaults, by flag."""
    now = read(options_class, values)
    return {new.name: new.text for _, new in changes(options_class(), now)}
