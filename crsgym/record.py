"""What records are made of."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any, ClassVar

import msgspec


class _Fields:
    """What ``dataclasses`` asks a class for, worked out when it asks."""

    def __get__(self, record: Record | None, kind: type[Record]) -> dict[str, Any]:
        return _fields(kind)


class Record(msgspec.Struct, frozen=True):
    """A frozen value, compared, hashed, shown and stored by its fields.

    ``dataclasses.replace``, ``fields`` and ``asdict`` work on records, which are used as frozen
    dataclasses are. They are structs because a step of the world makes six of them: a struct is
    made several times as fast, and one that is declared with ``gc=False``, since it can be no part
    of a cycle, costs the garbage collector nothing, which would go over thousands in a large batch.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]] = _Fields()  # type: ignore[assignment]


@cache
def _fields(kind: type[Record]) -> dict[str, Any]:
    twin = dataclasses.make_dataclass(
        kind.__name__, [(field.name, field.type) for field in msgspec.structs.fields(kind)]
    )
    return {field.name: field for field in dataclasses.fields(twin)}


__all__ = ["Record"]
