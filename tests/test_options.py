"""Options are what the signature says, and a wrong one is said in a line."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import numpy as np
import pytest

import crsgym
from crsgym.chat import CHAT_MODELS
from crsgym.errors import ConfigurationError
from crsgym.options import read_options
from crsgym.protocols import TextEncoder
from crsgym.retrieval import RETRIEVERS
from crsgym.simulators import SIMULATORS

if TYPE_CHECKING:
    from decimal import Decimal


class Encoder:
    dim = 1

    def encode(self, texts: Sequence[str]) -> object: ...


class Config: ...


def fit(
    dataset: object,
    *,
    width: int = 3,
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.5,
    flag: bool = False,
    kind: Literal["a", "b", 2] = "a",
    name: str | None = None,
    encoder: str | TextEncoder = "tfidf",
    folder: Path | None = None,
    layers: tuple[int, ...] = (),
    settings: Config | Mapping[str, Any] | None = None,
    progress: Callable[[str], object] = print,
    exact: Decimal | None = None,
    anything=None,
) -> None: ...


ENCODER = Encoder()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("width", 4, 4),
        ("width", np.int64(4), 4),
        ("share", 1, 1.0),
        ("share", np.float32(0.25), 0.25),
        ("flag", True, True),
        ("flag", np.True_, True),
        ("kind", "b", "b"),
        ("kind", 2, 2),
        ("name", None, None),
        ("name", "x", "x"),
        ("encoder", "minilm", "minilm"),
        ("encoder", ENCODER, ENCODER),
        ("folder", "runs/x", Path("runs/x")),
        ("folder", Path("y"), Path("y")),
        ("layers", [1, 2], [1, 2]),
        ("settings", {"a": 1}, {"a": 1}),
        ("progress", len, len),
        ("exact", "only a type checker knows Decimal", "only a type checker knows Decimal"),
        ("anything", 3, 3),
    ],
)
def test_what_fits(name: str, value: object, expected: object) -> None:
    [(key, read)] = read_options("retriever 'x'", fit, {name: value}).items()
    assert key == name
    assert read == expected
    assert type(read) is type(expected)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("width", "x", "must be an integer; got 'x'"),
        ("width", True, "must be an integer; got True"),
        ("width", 2.0, "must be an integer; got 2.0"),
        ("share", "x", "must be a number above 0 and of at most 1; got 'x'"),
        ("share", 0, "must be a number above 0 and of at most 1; got 0"),
        ("share", 1.5, "of at most 1; got 1.5"),
        ("share", float("nan"), "must be a number above 0 and of at most 1; got nan"),
        ("share", 10**400, "must be a number"),
        ("flag", 1, "must be True or False; got 1"),
        ("kind", "c", "must be one of 'a', 'b', 2; got 'c'"),
        ("kind", 2.0, "must be one of"),
        ("name", 3, "must be a text or None; got 3"),
        ("encoder", 3, "must be a text or a TextEncoder; got 3"),
        ("folder", 3, "must be a path or None; got 3"),
        ("layers", "12", "must be a tuple; got '12'"),
        ("layers", {1: 2}, "must be a tuple"),
        ("settings", [1], "must be a Config, a mapping or None; got [1]"),
        ("progress", 3, "must be a function; got 3"),
    ],
)
def test_what_does_not(name: str, value: object, message: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        read_options("retriever 'x'", fit, {name: value})
    assert f"option {name!r} of retriever 'x'" in str(error.value)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_names_are_those_of_the_signature() -> None:
    with pytest.raises(ConfigurationError, match="option of retriever 'x' 'widht'; did you mean"):
        read_options("retriever 'x'", fit, {"widht": 4})
    with pytest.raises(ConfigurationError, match="unknown option"):
        read_options("retriever 'x'", fit, {"dataset": 4})
    with pytest.raises(ConfigurationError, match="unknown option"):
        read_options("retriever 'x'", lambda dataset: None, {1: 2})  # type: ignore[dict-item]


SHIPPED: dict[str, Callable[..., Any]] = {
    **{f"retriever {name}": RETRIEVERS.load(name).fit for name in RETRIEVERS.names()},
    **{f"simulator {name}": SIMULATORS.load(name).from_dataset for name in SIMULATORS.names()},
    **{f"chat model {name}": CHAT_MODELS.load(name) for name in CHAT_MODELS.names()},
}
OF_NO_TYPE = object()
"""Fits nothing but ``Any``."""


@pytest.mark.parametrize("owner", SHIPPED)
def test_every_option_of_what_is_shipped_is_checked(owner: str) -> None:
    target = SHIPPED[owner]
    for parameter in inspect.signature(target).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.annotation != "Any":
            with pytest.raises(ConfigurationError, match=f"option {parameter.name!r} of .* must"):
                read_options(owner, target, {parameter.name: OF_NO_TYPE})
            if parameter.default is not None:
                fit = read_options(owner, target, {parameter.name: parameter.default})
                assert fit == {parameter.name: parameter.default}


OUT_OF_RANGE: list[tuple[str, str, Any]] = [
    ("content", "memory", 2),
    ("content", "feedback", -1),
    ("content", "preference", float("nan")),
    ("lexical", "memory", -0.1),
    ("lexical", "feedback", float("inf")),
    ("lexical", "demote", "all"),
    ("hybrid", "seed", -1),
    ("hybrid", "demote", "all"),
    ("dual-view", "seed", -1),
    ("dual-view", "index", "tree"),
]


@pytest.mark.parametrize(("retriever", "option", "value"), OUT_OF_RANGE)
def test_a_retriever_refuses_what_is_out_of_range(retriever: str, option: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=option):
        crsgym.make("Synthetic-v0", retriever=retriever, retriever_options={option: value})


@pytest.mark.parametrize(
    ("simulator", "option", "value"),
    [
        ("rules", "wishes", 0),
        ("rules", "wishes", "x"),
        ("attributes", "candour", 1.5),
        ("attributes", "candour", "x"),
        ("attributes", "reveals", 0),
        ("blind:attributes", "reveals", None),
        ("llm", "temperature", -1),
        ("llm", "top_p", 0),
        ("llm", "max_tokens", 0),
        ("llm-attributes", "cache", 3),
    ],
)
def test_a_user_refuses_what_is_out_of_range(simulator: str, option: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=option):
        crsgym.make(
            "Synthetic-v0",
            retriever="content",
            simulator=simulator,
            simulator_options={option: value},
        )


def test_numbers_of_numpy_make_the_same_environment() -> None:
    plain, numpy = (
        crsgym.make(
            "Synthetic-v0",
            retriever="content",
            retriever_options={"memory": share},
            simulator_options={"wishes": count},
        )
        for share, count in ((0.5, 1), (np.float32(0.5), np.int64(1)))
    )
    assert numpy.task.hash == plain.task.hash
    assert numpy.spec is not None
    assert plain.spec is not None
    assert numpy.spec.to_json() == plain.spec.to_json()


def test_an_option_may_be_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd:
        """A retriever by name that is fitted with an object."""

        def __init__(self, encoder: Any) -> None:
            self.encoder = encoder

        @classmethod
        def fit(cls, dataset: Any, *, encoder: TextEncoder) -> Odd:
            return cls(encoder)

        def retrieve(self, contexts: Sequence[Any], k: int) -> Any:
            return np.tile(np.arange(k), (len(contexts), 1))

    monkeypatch.setitem(RETRIEVERS._entries, "odd", Odd)
    env = crsgym.make("Synthetic-v0", retriever="odd", retriever_options={"encoder": ENCODER})
    assert env.world.retriever.encoder is ENCODER  # type: ignore[attr-defined]
