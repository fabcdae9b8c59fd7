"""Options of a plug-in that is given by name, checked against the signature that takes them.

What may be given is what the signature says: ``int``, ``float``, ``bool``, ``str``, ``Literal``,
``Path``, unions, ``Annotated`` with the bounds of a ``msgspec.Meta``, and classes. An annotation
that only a type checker can read is not checked.
"""

from __future__ import annotations

import inspect
import math
import numbers
import operator
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import msgspec
import numpy as np

from crsgym.checks import as_integer
from crsgym.errors import ConfigurationError
from crsgym.plugins import unknown

Seed: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
"""A seed, as NumPy and torch both take it."""

_UNFIT = object()
_NAMES: Mapping[Any, str] = {
    bool: "True or False",
    int: "an integer",
    float: "a number",
    str: "a text",
    Path: "a path",
    Callable: "a function",
    types.NoneType: "None",
    Mapping: "a mapping",
}
_COMPARED: Mapping[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "ge": ("of at least", operator.ge),
    "gt": ("above", operator.gt),
    "le": ("of at most", operator.le),
    "lt": ("below", operator.lt),
}


def read_options(
    owner: str, target: Callable[..., Any], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Options as ``target`` takes them by keyword: numbers of NumPy as plain ones, paths as paths.

    Args:
        owner: whose options they are, for errors: ``"retriever 'lexical'"``.
        target: a function, a method or a class.
        options: by name.

    Raises:
        ConfigurationError: on one that ``target`` does not take, or of a wrong type or range.
    """
    parameters = inspect.signature(target).parameters.values()
    takes = {p.name: p.annotation for p in parameters if p.kind is p.KEYWORD_ONLY}
    read: dict[str, Any] = {}
    for name, value in options.items():
        if name not in takes:
            raise unknown(f"option of {owner}", name, takes or ["(it takes none)"])
        hint = _hint(target, takes[name])
        read[name] = _fit(value, hint)
        if read[name] is _UNFIT:
            raise ConfigurationError(
                f"option {name!r} of {owner} must be {_say(hint)}; got {value!r}"
            )
    return read


def _hint(target: Callable[..., Any], annotation: Any) -> Any:
    """What an annotation, which may be a text, stands for; Any where that is not to be had."""
    function: Any = target.__init__ if inspect.isclass(target) else inspect.unwrap(target)
    function = getattr(function, "__func__", function)
    if annotation is inspect.Parameter.empty:
        return Any
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    try:
        return typing.get_type_hints(
            holder, globalns=getattr(function, "__globals__", {}), include_extras=True
        )["it"]
    except NameError:
        return Any


def _fit(value: Any, hint: Any) -> Any:
    """The value as the hint has it, or ``_UNFIT``."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        fit = _fit(value, arguments[0])
        return fit if fit is not _UNFIT and _within(fit, arguments[1:]) else _UNFIT
    if origin in (Union, types.UnionType):
        fits = (_fit(value, alternative) for alternative in arguments)
        return next((fit for fit in fits if fit is not _UNFIT), _UNFIT)
    if origin is Literal:
        fits = (each for each in arguments if type(each) is type(value) and each == value)
        return next(fits, _UNFIT)
    return _fit_kind(value, origin or hint)


def _fit_kind(value: Any, kind: Any) -> Any:
    if kind is bool:
        return bool(value) if isinstance(value, bool | np.bool_) else _UNFIT
    if kind is int:
        number = as_integer(value)
        return _UNFIT if number is None else number
    if kind is float:
        return _number(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is not str and inspect.isclass(kind) and issubclass(kind, Iterable):
        # A list stands for a tuple or a set, as JSON has no other; a text is no sequence of texts.
        mapping = issubclass(kind, Mapping)
        if isinstance(value, str | bytes) or isinstance(value, Mapping) != mapping:
            return _UNFIT
        return value if isinstance(value, Iterable) else _UNFIT
    try:
        return value if isinstance(value, kind) else _UNFIT
    except TypeError:
        return value


def _number(value: Any) -> Any:
    """A finite number as a ``float``."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return _UNFIT
    try:
        number = float(value)
    except OverflowError:
        return _UNFIT
    return number if math.isfinite(number) else _UNFIT


def _within(value: Any, about: Iterable[Any]) -> bool:
    return all(holds(value, bound) for _, holds, bound in _bounds(about))


def _bounds(about: Iterable[Any]) -> list[tuple[str, Callable[[Any, Any], bool], Any]]:
    """The bounds that an ``Annotated`` carries: in words, as a comparison, the bound."""
    return [
        (words, holds, getattr(meta, name))
        for meta in about
        if isinstance(meta, msgspec.Meta)
        for name, (words, holds) in _COMPARED.items()
        if getattr(meta, name) is not None
    ]


def _say(hint: Any) -> str:
    """A hint in words."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        bounds = [f"{words} {bound}" for words, _, bound in _bounds(arguments[1:])]
        return " ".join([_say(arguments[0]), " and ".join(bounds)]).strip()
    if origin in (Union, types.UnionType):
        *most, last = map(_say, arguments)
        return f"{', '.join(most)} or {last}"
    if origin is Literal:
        return "one of " + ", ".join(map(repr, arguments))
    kind = origin or hint
    return _NAMES.get(kind) or f"a {getattr(kind, '__name__', kind)}"


__all__ = ["Seed", "read_options"]
