"""Flags from options, in commands and in text."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest
from absl import flags

from egnet_tf import options
from egnet_tf.cli import app
from egnet_tf.cli import flags as option_flags
from egnet_tf.errors import InputError
from egnet_tf.options import option


@dataclasses.dataclass(frozen=True)
class Inner:
    sizes: tuple[int, ...] = option((1, 3), "Odd sizes.", lower=1)
    ratio: float | None = option(None, "The ratio.", upper=1.0)


@dataclasses.dataclass(frozen=True)
class Outer:
    name: str = option("a, b", "The name.")
    kind: str = option("x", "The kind.", choices=("x", "y"))
    fast: bool = option(True, "Be fast.")
    parts: Mapping[str, Any] = dataclasses.field(
        default_factory=lambda: {"inner": Inner()}
    )


@dataclasses.dataclass(frozen=True)
class Paths:
    paths: tuple[str, ...] = option((), "Any paths.")


def parsed(*words):
    values = flags.FlagValues()
    option_flags.define(Outer, values)
    values(["command", *words])
    return option_flags.read(Outer, values), option_flags.changed(Outer, values)


def test_options_default_without_flags():
    assert parsed() == (Outer(), {})


def test_flags_set_nested_options():
    words = ["--name=c", "--nofast", "--inner_sizes=5, 7", "--inner_ratio=.5"]
    expected = Outer("c", fast=False, parts={"inner": Inner((5, 7), 0.5)})
    assert parsed(*words)[0] == expected
    assert parsed(*words)[1] == {
        "name": "c",
        "fast": "false",
        "inner_sizes": "5,7",
        "inner_ratio": "0.5",
    }


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--kind=z", "Expected one of x, y for --kind. Received: z"),
        ("--inner_sizes=3,b", "Expected a whole number for --inner_sizes. Received: b"),
        ("--inner_sizes=0", "Expected at least 1 for --inner_sizes. Received: 0"),
        ("--inner_ratio=2", "Expected at most 1 for --inner_ratio. Received: 2.0"),
        ("--inner_ratio=nan", "Expected at most 1 for --inner_ratio. Received: nan"),
    ],
)
def test_disallowed_flag_values_are_refused(word, message, capsys):
    define = lambda values: option_flags.define(Outer, values)  # noqa: E731
    assert app.call(define, lambda values: 0, [word]) == 1
    assert capsys.readouterr().err == f"error: {message} (try --help)\n"


def test_options_round_trip_through_flag_text():
    chosen = Outer("=-- ", fast=False, parts={"inner": Inner((), 0.1)})
    assert options.from_text(Outer(), options.to_text(chosen)) == chosen
    with pytest.raises(InputError, match="Received: --nmae=x"):
        options.from_text(Outer(), "--nmae=x")


@pytest.mark.parametrize(
    "items",
    [
        (),
        ("a",),
        ("a", "b c"),
        ("red,green", "a, b", ","),
        ('"quoted"', 'quo"te', "back\\slash"),
        (" blanks ", "line\nbreak", ""),
        ("", ""),
    ],
)
def test_lists_hold_any_text(items):
    one = next(options.flatten(Paths(items)))
    assert one.parse(one.text) == items
    assert options.from_text(Paths(), options.to_text(Paths(items))) == Paths(items)


def test_comma_in_an_item_is_doubled_or_quoted():
    assert options.split_list('red,,green , "a, b" ,c') == ["red,green", "a, b", "c"]
    assert options.split_list("a,,,b") == ["a,", "b"]
    with pytest.raises(InputError, match="as in JSON"):
        options.split_list('"\\x"')
