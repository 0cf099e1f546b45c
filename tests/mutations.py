"""A seeded mutator: damaged and hostile variants of files, the same in every run."""

from __future__ import annotations

import struct
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

_LENGTHS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutated(content: bytes, seed: int, within: int | None = None) -> bytes:
    """A variant of a file with flipped bits, a cut, or changed length fields.

    Where most of a file is pixels or weights, `within` keeps to that many bytes at its
    beginning and its end, which say how it is built.
    """
    rng = np.random.default_rng(seed)
    data = bytearray(content)

    def position(room: int = 1) -> int:
        last = max(len(data) - room, 0)
        if within is None or rng.random() < 0.1:
            return int(rng.integers(last + 1))
        offset = int(rng.integers(min(within, last + 1)))
        return offset if rng.random() < 0.5 else last - offset

    for _ in range(int(rng.choice([1, 1, 2, 4, 16]))):
        kind = rng.integers(7)
        if kind < 2:
            data[position()] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            data[position()] = int(rng.integers(256))
        elif kind == 3:
            field = struct.pack(
                str(rng.choice(["<", ">"])) + "I", int(rng.choice(_LENGTHS))
            )
            at = position(4)
            data[at : at + 4] = field
        elif kind == 4:
            at, length = position(), int(rng.choice([1, 4, 64, 4096]))
            data[at : at + length] = bytes(len(data[at : at + length]))
        elif kind == 5:
            at, length = position(), int(rng.choice([1, 4, 64]))
            data[at:at] = rng.bytes(length)
        else:
            del data[position() :]
        if not data:
            break
    return bytes(data)


_NUMBERS = (0, -1, 1, 2, 255, 65536, 2**31 - 1, -(2**31), 2**40)
_VALUES = (
    *(None, True, "", "x", "../../x", "\0", [], {}, [[]], -1, 0, 1.5, 1e308),
    *(float("nan"), 2**31, 2**70, "9" * 300),
)


def mutated_json(value: Any, seed: int) -> Any:
    """A variant of a JSON value: entries that are changed, lost, added or swapped."""
    rng = np.random.default_rng(seed)
    places: list[tuple[Any, Any]] = []

    def copied(value: Any) -> Any:
        if isinstance(value, dict):
            copy = {key: copied(inner) for key, inner in value.items()}
            places.extend((copy, key) for key in copy)
        elif isinstance(value, list):
            copy = [copied(inner) for inner in value]
            places.extend((copy, index) for index in range(len(copy)))
        else:
            copy = value
        return copy

    whole = copied(value)
    for _ in range(int(rng.choice([1, 1, 1, 2, 4]))):
        container, key = places[int(rng.integers(len(places)))]
        gone = key not in container if isinstance(container, dict) else False
        if gone or (isinstance(container, list) and key >= len(container)):
            continue
        kind = rng.integers(5)
        if kind < 2:
            container[key] = deepcopy(_VALUES[int(rng.integers(len(_VALUES)))])
        elif kind == 2:
            del container[key]
        elif kind == 3 and isinstance(container, dict):
            container["unknown"] = container[key]
        elif isinstance(container[key], int):
            container[key] *= int(rng.choice([-1, 10, 1000, 10**6]))
        else:
            other, its = places[int(rng.integers(len(places)))]
            if isinstance(other, dict) and its in other and other is not container:
                container[key] = deepcopy(other[its])
    return whole


def mutate_fields(root: Any, seed: int, fields: Callable[[Any], list]) -> None:
    """Changes numbers and lists of a parsed file in place.

    `fields` yields every (get, set) of a number or list of numbers below the root.
    """
    rng = np.random.default_rng(seed)
    places = fields(root)
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        get, put = places[int(rng.integers(len(places)))]
        value = get()
        number = int(rng.choice(_NUMBERS))
        if isinstance(value, (int, np.integer)):
            put(number)
        elif isinstance(value, float):
            put(float(rng.choice([0.0, -1.0, 1e38, np.inf, np.nan])))
        elif len(value) and rng.random() < 0.7:
            changed = list(value)
            changed[int(rng.integers(len(changed)))] = number
            put(changed)
        else:
            put(list(value)[: int(rng.integers(len(value) + 1))])
