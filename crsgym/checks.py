"""Checks of the settings that a caller gives: whole numbers, of Python or of NumPy, and flags."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

from crsgym.errors import ConfigurationError


def as_integer(value: object) -> int | None:
    """A whole number of any kind, NumPy's among them, as an ``int``; None for all else.

    A bool is no number here.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        return None
    return int(value)


def as_plain(value: Any) -> Any:
    """A number of NumPy as the plain one that JSON has, in a mapping too; all else as it is."""
    if isinstance(value, Mapping):
        return {key: as_plain(entry) for key, entry in value.items()}
    return value.item() if isinstance(value, np.generic) else value


def check_count(name: str, value: object, low: int, high: int | None = None) -> int:
    """Refuse a setting that is no integer in ``low .. high``, the size of the catalogue.

    Returns:
        The setting as an ``int``.

    Raises:
        ConfigurationError: naming the setting, the range and the value.
    """
    number = as_integer(value)
    if number is None:
        raise ConfigurationError(f"{name} must be an integer; got {value!r}")
    if number < low or (high is not None and number > high):
        upper = f" and at most {high}, the size of the catalogue" if high is not None else ""
        raise ConfigurationError(f"{name} must be at least {low}{upper}; got {value}")
    return number


def check_seed(value: object) -> int:
    """Refuse a seed that is no integer.

    Returns:
        The seed as an ``int``.

    Raises:
        ConfigurationError: with the value.
    """
    number = as_integer(value)
    if number is None:
        raise ConfigurationError(f"seed must be an integer; got {value!r}")
    return number


def check_mapping(name: str, value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Refuse a setting that is neither a mapping nor None.

    Returns:
        The setting, with plain numbers (see :func:`as_plain`).

    Raises:
        ConfigurationError: naming the setting and the value.
    """
    if value is not None and not isinstance(value, Mapping):
        raise ConfigurationError(f"{name} must map keywords to values; got {value!r}")
    plain: dict[str, Any] | None = as_plain(value)
    return plain


def check_flag(name: str, value: object) -> None:
    """Refuse a setting that is neither True nor False.

    Raises:
        ConfigurationError: naming the setting and the value.
    """
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name} must be True or False; got {value!r}")


__all__ = ["as_integer", "as_plain", "check_count", "check_flag", "check_mapping", "check_seed"]
