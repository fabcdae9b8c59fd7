"""Names, entry points, and what is said when one is wrong."""

from __future__ import annotations

import pytest

from crsgym.errors import ConfigurationError
from crsgym.plugins import Registry, load_entry_point, strict_keywords, unknown
from crsgym.seeding import derive_seed


def test_unknown_names_the_nearest_or_all() -> None:
    near = unknown("retriever", "lexicl", ["lexical", "popularity"])
    assert str(near) == "unknown retriever 'lexicl'; did you mean 'lexical'?"
    far = unknown("retriever", "zzz", ["b", "a"])
    assert str(far) == "unknown retriever 'zzz'; known: a, b"
    cased = unknown("environment", "inspired-V0", ["INSPIRED-v0"])
    assert str(cased) == "unknown environment 'inspired-V0'; did you mean 'INSPIRED-v0'?"
    many = unknown("scenario", "zzz", [f"d{number:03}" for number in range(500)])
    assert str(many) == "unknown scenario 'zzz'; 500 are known, such as d000, d001, d002"
    assert str(unknown("split", None, ["test"])) == "unknown split None; known: test"


def test_registry_loads_names_paths_and_objects() -> None:
    registry = Registry("thing", {"od": "collections:OrderedDict", "here": dict})
    assert registry.load("od").__name__ == "OrderedDict"
    assert registry.load("here") is dict
    assert registry.load("json:dumps") is __import__("json").dumps
    registry.register("new", list)
    registry.register("new", list)
    assert registry.names() == ("here", "new", "od")
    with pytest.raises(ConfigurationError, match="registered already"):
        registry.register("new", tuple)
    with pytest.raises(ConfigurationError, match="did you mean 'od'"):
        registry.load("odd")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("json", "expected 'package.module:Name'"),
        ("no_such_module:x", "there is no module 'no_such_module'"),
        ("json.nothing:x", "there is no module 'json.nothing'"),
        ("json:dump_s", "did you mean 'dumps'"),
    ],
)
def test_entry_points_that_are_not_there(path: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_entry_point("agent", path)


def test_strict_keywords() -> None:
    @strict_keywords
    def paint(wall: str, *, colour: str = "red") -> str:
        return f"{wall} {colour}"

    assert paint("north", colour="blue") == "north blue"
    assert paint(wall="north") == "north red"
    with pytest.raises(TypeError, match=r"keyword of paint\(\): 'color'; did you mean 'colour'"):
        paint("north", color="blue")  # type: ignore[call-arg]


def test_derived_seeds_are_fixed_and_apart() -> None:
    # hashlib.blake2b(b"int:0\x1fstr:d0/1/0\x1fint:2", digest_size=8), shifted right by one bit.
    assert derive_seed(0, "d0/1/0", 2) == 222719108506656781
    assert 0 <= derive_seed(0, "d0/1/0", 2) < 2**63
    parts = [(s, i, t) for s in range(5) for i in ("a", "b", "1") for t in range(5)]
    assert len({derive_seed(*p) for p in parts}) == len(parts)
    assert derive_seed(1, "2") != derive_seed("1", 2) != derive_seed("1", "2")
