"""Settings as a user gives them, by name, made the dataclass that they are settings of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from crsgym.errors import ConfigurationError
from crsgym.plugins import unknown

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

S = TypeVar("S", bound="DataclassInstance")


def read_settings(owner: str, kind: type[S], given: S | Mapping[str, Any] | None) -> S:
    """Settings from what a user gave: the dataclass, some settings by name, or nothing.

    Args:
        owner: whose settings they are, for errors: ``"the dual view"``.
        kind: the dataclass; every field of it has a default.
        given: what the user gave; settings in a group may be a mapping too.

    Raises:
        ConfigurationError: on an unknown setting, or one of the wrong type or out of range.
    """
    if isinstance(given, kind):
        return given
    if given is not None and not isinstance(given, Mapping):
        raise ConfigurationError(
            f"settings of {owner}: expected {kind.__name__} or a mapping, got {given!r}"
        )
    named = dict(given or {})
    known = asdict(kind())
    for name, value in named.items():
        group = known.get(name)
        if name not in known:
            raise unknown(f"setting of {owner}", name, known)
        if isinstance(group, dict) and isinstance(value, Mapping):
            for inner in value:
                if inner not in group:
                    raise unknown(f"setting of {owner}, {name}", inner, group)
    try:
        return msgspec.convert(named, kind)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"settings of {owner}: {error}") from error


__all__ = ["read_settings"]
