"""Options: frozen dataclasses whose fields know all that a flag needs.

    @dataclasses.dataclass(frozen=True)
    class GoProOptions:
        blur: str = option("linear", "GoPro's blur or blur_gamma.", choices=BLURS)

`egnet_tf.cli.flags` makes the flags of a command from such a class; `to_text` and
`from_text` write and read them as a flag file. A field of type `tuple[str, ...]` is
a list with commas between (see `split_list`). A field may hold further options: those
of a dataclass join the outer ones under their own names, those of a mapping under its
keys, so that {"gopro": GoProOptions()} gives --gopro_blur.
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from egnet_tf.errors import InputError

_Options = TypeVar("_Options")

_KINDS = {bool: "true or false", int: "a whole number", float: "a number"}


def option(
    default: Any,
    help: str,
    *,
    choices: Sequence[str] | None = None,
    lower: float | None = None,
    upper: float | None = None,
    validate: Callable[[Any], object] | None = None,
    commas: bool = True,
) -> Any:
    """A field of a dataclass of options, see `Option`.

    The help is whole sentences that are understood without their surroundings.
    """
    metadata = {"help": help, "choices": choices, "lower": lower, "upper": upper}
    metadata["validate"] = validate
    metadata["commas"] = commas
    return dataclasses.field(default=default, metadata=metadata)


class Option(NamedTuple):
    """One option with its present value, by the name of its flag.

    Attributes:
        name: of the flag, without the dashes.
        value: of type `kind`, a tuple of them for a list, or None.
        kind: bool, int, float or str.
        is_list: whether there may be several values.
        help: what --help says.
        choices: the strings that are allowed.
        lower: the smallest number that is allowed.
        upper: the largest number that is allowed.
        validate: raises an `InputError` for a value that is not allowed; None or an
            empty one always is.
        commas: whether the text of a list has commas between; otherwise it is one
            value, such as a path.
    """

    name: str
    value: Any
    kind: type
    is_list: bool
    help: str
    choices: Sequence[str] | None
    lower: float | None
    upper: float | None
    validate: Callable[[Any], object] | None
    commas: bool

    def parse(self, text: str) -> Any:
        """The value that a text stands for.

        Raises:
            InputError: the text is of another type, or its value is not allowed.
        """
        if self.is_list and not self.commas:
            value = (self._parse(text),)
        elif self.is_list:
            value = tuple(self._parse(part) for part in split_list(text))
        else:
            value = self._parse(text)
        self._replace(value=value).check()
        return value

    def _parse(self, text: str) -> Any:
        try:
            if self.kind is bool:
                return {"true": True, "false": False}[text.lower()]
            return self.kind(text)
        except (KeyError, ValueError):
            raise InputError(
                f"Expected {_KINDS[self.kind]} for --{self.name}. Received: {text}"
            ) from None

    def check(self) -> None:
        """Raises an `InputError` if the value is not allowed."""
        for value in self.value if self.is_list else [self.value]:
            if value is None:
                continue
            if self.choices and value not in self.choices:
                expected = f"one of {', '.join(self.choices)}"
            elif self.lower is not None and not value >= self.lower:
                expected = f"at least {self.lower:g}"
            elif self.upper is not None and not value <= self.upper:
                expected = f"at most {self.upper:g}"
            else:
                continue
            raise InputError(
                f"Expected {expected} for --{self.name}. Received: {value}"
            )
        if self.validate is not None and self.value:
            self.validate(self.value)

    @property
    def text(self) -> str:
        """The value as it is written after `--name=`."""
        if self.is_list:
            return ",".join(map(_list_item, self.value))
        return str(self.value).lower() if self.kind is bool else str(self.value)


_ITEM = re.compile(
    r"""\s* (?: (?P<quoted> "(?: [^"\\] | \\. )*") | (?P<plain> (?: [^,] | ,, )*? ))
    \s* (?: ,(?!,) | (?P<end> \Z))""",
    re.VERBOSE | re.DOTALL,
)


def split_list(text: str) -> list[str]:
    """Splits a list at its commas, and takes off the blanks around the items.

    An item that holds a comma has it twice, or stands in quotes, those of a JSON
    string: `red,,green,"a, b"` is "red,green" and "a, b".

    Raises:
        InputError: quotes are not those of a JSON string.
    """
    items, position = [], 0
    while text:
        match = _ITEM.match(text, position)
        assert match  # Whatever there is, is plain.
        item = match["plain"]
        if item is None:
            try:
                item = json.loads(match["quoted"], strict=False)
            except ValueError:
                raise InputError(
                    f"Expected quotes as in JSON. Received: {match['quoted']}"
                ) from None
        else:
            item = item.replace(",,", ",")
        items.append(item)
        if match["end"] is not None:
            break
        position = match.end()
    return items


def _list_item(value: object) -> str:
    """What `split_list` reads as this item."""
    text = str(value)
    simple = text.isprintable() and text[:1] != '"' and split_list(text) == [text]
    return text if simple else json.dumps(text)


def flatten(options: object, prefix: str = "") -> Iterator[Option]:
    """Yields every option inside a dataclass or mapping of options."""
    if isinstance(options, Mapping):
        for name, part in options.items():
            yield from flatten(part, f"{prefix}{name}_")
        return
    hints = typing.get_type_hints(type(options))
    for field in dataclasses.fields(options):  # pyright: ignore[reportArgumentType]
        value = getattr(options, field.name)
        if _holds_options(value):
            yield from flatten(value, prefix)
            continue
        hint = hints[field.name]
        inner = [t for t in typing.get_args(hint) if t not in (type(None), ...)]
        yield Option(
            prefix + field.name,
            value,
            kind=inner[0] if inner else hint,
            is_list=typing.get_origin(hint) is tuple,
            **field.metadata,
        )


def unflatten(
    options: _Options, values: Mapping[str, Any], prefix: str = ""
) -> _Options:
    """The same options with new values, by the names of `flatten`; others stay."""
    if isinstance(options, Mapping):
        return {  # pyright: ignore[reportReturnType]
            name: unflatten(part, values, f"{prefix}{name}_")
            for name, part in options.items()
        }
    changed = {}
    for field in dataclasses.fields(options):  # pyright: ignore[reportArgumentType]
        value = getattr(options, field.name)
        if _holds_options(value):
            changed[field.name] = unflatten(value, values, prefix)
        elif prefix + field.name in values:
            changed[field.name] = values[prefix + field.name]
    return dataclasses.replace(options, **changed)  # pyright: ignore


def _holds_options(value: object) -> bool:
    return isinstance(value, Mapping) or dataclasses.is_dataclass(value)


def check(options: object) -> None:
    """Raises an `InputError` for the first value that is not allowed.

    A dataclass of options that is also made without flags calls it in __post_init__.
    """
    for one in flatten(options):
        one.check()


def to_text(options: object) -> str:
    """A flag file: each option that has a value; for quotes see `unquoted`."""
    given = (one for one in flatten(options) if one.value is not None)
    return "".join(f"--{one.name}={_quoted(one.text)}\n" for one in given)


def unquoted(value: str) -> str:
    r"""The value that stands after `--name=` in a flag file.

    Quotes are those of a JSON string, and needed only where a line of text cannot
    hold the value otherwise: a path with a line break, a blank at its end, quotes at
    its beginning, or bytes that are no UTF-8 (`"fot\udce4"`).
    """
    if len(value) < 2 or not value[0] == value[-1] == '"':
        return value
    try:
        return json.loads(value, strict=False)
    except ValueError:
        return value


def _quoted(value: str) -> str:
    plain = value.isprintable() and value == value.strip() and value[:1] != '"'
    return value if plain else json.dumps(value)


def from_text(options: _Options, text: str) -> _Options:
    """Reads what `to_text` wrote; what the text leaves out stays as in `options`.

    Raises:
        InputError: a line is no option, or its value is not allowed.
    """
    known = {one.name: one for one in flatten(options)}
    values = {}
    for line in text.removesuffix("\n").split("\n") if text else ():
        name, equals, value = line.removeprefix("--").partition("=")
        if not equals or name not in known:
            raise InputError(f"Expected a line --option=value. Received: {line}")
        values[name] = known[name].parse(unquoted(value))
    return unflatten(options, values)


def changes(before: object, after: object) -> Iterator[tuple[Option, Option]]:
    """The options whose values differ between two objects of the same class."""
    for old, new in zip(flatten(before), flatten(after), strict=True):
        if old.value != new.value:
            yield old, new
