"""Plug-ins by name: lazy ``"module:attribute"`` entry points, and "did you mean" on a typo."""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.util
import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

from crsgym.errors import ConfigurationError

F = TypeVar("F", bound=Callable[..., Any])
_LISTED = 20
"""Known names that an error lists; a data set has thousands of scenarios."""


def unknown(kind: str, name: object, known: Iterable[str]) -> ConfigurationError:
    """The error for a name that is not known, with the nearest known ones."""
    names = sorted(known)
    folded: dict[str, str] = {known_name.casefold(): known_name for known_name in names}
    close = difflib.get_close_matches(str(name).casefold(), folded, n=3, cutoff=0.5)
    if close:
        hint = f"did you mean {' or '.join(repr(folded[match]) for match in close)}?"
    elif len(names) <= _LISTED:
        hint = "known: " + ", ".join(names)
    else:
        hint = f"{len(names)} are known, such as {', '.join(names[:3])}"
    return ConfigurationError(f"unknown {kind} {name!r}; {hint}")


def import_module_of(kind: str, path: str) -> ModuleType:
    """Import the module of ``"package.module:name"``.

    Raises:
        ConfigurationError: when it is not there, or ``path`` looks different.
    """
    module_name, _, name = path.partition(":")
    if not module_name or not name:
        raise ConfigurationError(f"{kind} {path!r}: expected 'package.module:Name'")
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if module_name == missing or module_name.startswith(f"{missing}."):
            message = f"{kind} {path!r}: there is no module {missing!r}"
        else:
            message = f"{kind} {path!r} needs the module {missing!r}, which is not installed"
        raise ConfigurationError(message) from error


def load_entry_point(kind: str, path: str) -> Any:
    """Import what ``"package.module:attribute"`` names.

    Raises:
        ConfigurationError: when the module or the attribute is not there.
    """
    module = import_module_of(kind, path)
    module_name, _, attribute = path.partition(":")
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise unknown(f"{kind} in {module_name}:", attribute, dir(module)) from None


def reference_agents() -> str:
    """The package of the reference agents: ``agents`` in a checkout, ``crsgym_agents`` in a wheel.

    Raises:
        ConfigurationError: when it is not installed.
    """
    beside = Path(__file__).resolve().parents[1] / "agents" / "__init__.py"
    for name in ("crsgym_agents", "agents"):
        spec = importlib.util.find_spec(name)
        # Another distribution owns the name `agents`: only the folder beside this package counts.
        if spec is not None and (name == "crsgym_agents" or spec.origin == str(beside)):
            return name
    raise ConfigurationError("the reference agents are not installed with crsgym; install it again")


def strict_keywords(function: F) -> F:
    """Answer a misspelt keyword with the nearest one that exists.

    A keyword counts as known when the function names it, or its ``**options: Unpack[...]`` does.
    """
    names: set[str] = set()

    @functools.wraps(function)
    def checked(*args: Any, **keywords: Any) -> Any:
        if not names:
            names.update(_keywords(function))
        for keyword in keywords:
            if keyword not in names:
                raise TypeError(str(unknown(f"keyword of {function.__name__}():", keyword, names)))
        return function(*args, **keywords)

    return cast("F", checked)


def _keywords(function: Callable[..., Any]) -> set[str]:
    names: set[str] = set()
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is not parameter.VAR_KEYWORD:
            names.add(parameter.name)
        else:
            options = str(parameter.annotation).removeprefix("Unpack[").removesuffix("]")
            names.update(function.__globals__[options].__annotations__)
    return names


class Registry:
    """Names of one kind of plug-in, each an entry point or an object."""

    def __init__(self, kind: str, entries: Mapping[str, Any]) -> None:
        """A registry of ``kind`` (as errors call it) with its built-in entries."""
        self.kind = kind
        self._entries: dict[str, Any] = dict(entries)

    def names(self) -> tuple[str, ...]:
        """The known names, sorted."""
        return tuple(sorted(self._entries))

    def register(self, name: str, entry: Any) -> None:
        """Add a plug-in: an object, or ``"module:attribute"``.

        Raises:
            ConfigurationError: when the name is taken by something else.
        """
        if self._entries.get(name, entry) != entry:
            raise ConfigurationError(f"{self.kind} {name!r} is registered already; take a new name")
        self._entries[name] = entry

    def load(self, name: str) -> Any:
        """What a known name, or a ``"module:attribute"`` path, stands for."""
        if name in self._entries:
            entry = self._entries[name]
            return load_entry_point(self.kind, entry) if isinstance(entry, str) else entry
        if isinstance(name, str) and ":" in name:
            return load_entry_point(self.kind, name)
        raise unknown(self.kind, name, self._entries)


__all__ = [
    "Registry",
    "import_module_of",
    "load_entry_point",
    "reference_agents",
    "strict_keywords",
    "unknown",
]
