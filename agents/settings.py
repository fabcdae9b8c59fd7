"""Settings as dataclasses: from a command line, from a recipe file, and explained in ``--help``.

A field's docstring is the help of its option, so what the code says and what ``--help`` says are
one text. A recipe is a TOML file of the same names; the command line goes before it.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import inspect
import itertools
import json
import os
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, get_type_hints

import msgspec

from crsgym.errors import ConfigurationError, CRSGymError
from crsgym.plugins import unknown

if TYPE_CHECKING:
    from crsgym.task import Task

S = TypeVar("S")
RECIPES = Path(__file__).parent / "recipes"
"""Recipes that come with the package; ``--recipe small-gpu`` names one of them."""


@dataclass(frozen=True)
class TaskSettings:
    """The environment that is played."""

    env: str
    """Environment id; `crsgym envs` lists them."""
    retriever: str | None = None
    """Retriever: a name, module:Class or a saved one's folder; the environment's own if not
    given."""
    simulator: str | None = None
    """Simulated user: a name or module:Class; the environment's own if not given."""
    retriever_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Options of the retriever, as JSON."""
    simulator_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Options of the simulated user, as JSON."""
    reward_weights: dict[str, float] = dataclasses.field(default_factory=dict)
    """Weights of reward terms that are not 1, as JSON."""
    encoder: str = "tfidf"
    """Text encoder of the preference reward."""
    max_turns: int = 5
    """Turns of an episode, T."""
    num_candidates: int = 20
    """Candidates a turn."""
    list_length: int = 10
    """Titles a list."""
    prompt: str = "protocol"
    """How an observation is written: protocol, compact (for very small models) or
    module:function."""

    def task(self, split: str, *, limit: int | None = None, success: str = "hit") -> Task:
        """The task that these settings mean, on a split."""
        from crsgym.registry import make_task

        return make_task(
            self.env,
            split=split,
            retriever=self.retriever,
            simulator=self.simulator,
            retriever_options=self.retriever_options,
            simulator_options=self.simulator_options,
            reward_weights=self.reward_weights or None,
            encoder=self.encoder,
            max_turns=self.max_turns,
            num_candidates=self.num_candidates,
            list_length=self.list_length,
            success=success,  # type: ignore[arg-type]  # make_task names the rules there are
            limit=limit,
        )


def field_docs(kind: type) -> Mapping[str, str]:
    """The docstring under each field of a dataclass, its bases with it, on one line each."""
    docs: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if not dataclasses.is_dataclass(base):
            continue
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        body = tree.body if isinstance(tree, ast.ClassDef) else []
        for node, below in itertools.pairwise(body):
            if (
                isinstance(node, ast.AnnAssign)
                and isinstance(node.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
            ):
                docs[node.target.id] = " ".join(str(below.value.value).split())
    return docs


def leave(main: Callable[[], int]) -> NoReturn:
    """Run a module's command line and end the process with its code.

    A failure is one line on standard error, and 1, or 2 for a wrong configuration, as of the
    command ``crsgym``; ``CRSGYM_TRACEBACK=1`` shows more.
    """
    try:
        code = main()
    except CRSGymError as error:
        if os.environ.get("CRSGYM_TRACEBACK"):
            raise
        print(f"{Path(sys.argv[0]).stem}:", " ".join(str(error).split()), file=sys.stderr)  # noqa: T201
        code = 2 if isinstance(error, ConfigurationError) else 1
    sys.exit(code)


def parse(kind: type[S], program: str, argv: Sequence[str] | None = None) -> S:
    """Settings from a command line, and from the recipe that it may name.

    Args:
        kind: a dataclass with a docstring under each field.
        program: the name in the help.
        argv: arguments; those of the process when None.

    Raises:
        ConfigurationError: a value that does not fit its option, or a recipe that is no recipe.
    """
    parser = argparse.ArgumentParser(
        prog=program,
        usage="%(prog)s [--recipe FILE] [--SETTING VALUE ...]",
        description=inspect.getdoc(kind),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--recipe",
        metavar="FILE",
        help="Settings from a TOML file, or one of: " + ", ".join(recipes()) + ".",
    )
    docs = field_docs(kind)
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        parser.add_argument(
            "--" + field.name.replace("_", "-"),
            dest=field.name,
            metavar="VALUE",
            default=argparse.SUPPRESS,
            help=f"{docs[field.name]}{_default(field)}".replace("%", "%%"),
        )
    given = vars(parser.parse_args(argv))
    recipe = given.pop("recipe")
    values = read_recipe(recipe) if recipe else {}
    values.update({name: _value(kind, name, text) for name, text in given.items()})
    return settings_of(kind, values)


def settings_of(kind: type[S], values: Mapping[str, Any]) -> S:
    """Settings from values by name, of the types that the fields have.

    Raises:
        ConfigurationError: an unknown name, a missing one, or a value of another type.
    """
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    for name in values:
        if name not in names:
            raise unknown("setting", name, names)
    try:
        return msgspec.convert(dict(values), kind, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"settings of {kind.__name__}: {error}") from error


def recipes() -> tuple[str, ...]:
    """The recipes that come with the package."""
    return tuple(sorted(path.stem for path in RECIPES.glob("*.toml")))


def read_recipe(name: str) -> dict[str, Any]:
    """The settings in a recipe file.

    Raises:
        ConfigurationError: no such file, or no TOML in it.
    """
    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10
        try:
            import tomli as tomllib  # type: ignore[import-not-found,no-redef,unused-ignore]
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "recipes need Python 3.11, or the package tomli: pip install tomli"
            ) from error
    path = RECIPES / f"{name}.toml" if name in recipes() else Path(name)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"recipe {name!r} is no file; recipes that come along: {', '.join(recipes())}"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is no TOML: {error}") from error


def _value(kind: type, name: str, text: str) -> Any:
    """An option's text, as JSON where the field is no text."""
    wanted = get_type_hints(kind)[name]
    if wanted in (str, str | None):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return "" if field.default in (None, "") else f" (default: {field.default})"
    return "" if field.default_factory is not dataclasses.MISSING else " (required)"


__all__ = [
    "RECIPES",
    "TaskSettings",
    "field_docs",
    "leave",
    "parse",
    "read_recipe",
    "recipes",
    "settings_of",
]
