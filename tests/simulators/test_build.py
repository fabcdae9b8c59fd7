import pytest

from crsgym.data import load
from crsgym.data.dataset import Dataset
from crsgym.errors import ConfigurationError, PluginError
from crsgym.simulators import SIMULATORS, build
from crsgym.simulators.rules import RulesSimulator


class Silent:
    """A user by path."""

    target_aware = False

    @classmethod
    def from_dataset(cls, dataset: Dataset, *, loud: bool = False) -> "Silent":
        return cls()

    def respond(self, contexts: object, seeds: object, goals: object = None) -> list[str]:
        return []


@pytest.fixture(scope="module")
def synthetic() -> Dataset:
    return load("synthetic")


def test_by_name_with_options(synthetic: Dataset) -> None:
    user = build("rules", synthetic, {"wishes": 1})
    assert isinstance(user, RulesSimulator)
    assert user.wishes == 1
    assert build("attributes", synthetic).target_aware


def test_a_ready_user_is_taken_as_it_is(synthetic: Dataset) -> None:
    user = Silent()
    assert build(user, synthetic) is user  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="go with a simulator's name"):
        build(user, synthetic, {"loud": True})  # type: ignore[arg-type]


def test_a_registered_class(synthetic: Dataset) -> None:
    SIMULATORS.register("silent-of-the-tests", Silent)
    assert isinstance(build("silent-of-the-tests", synthetic, {"loud": True}), Silent)


def test_controls_go_in_front(synthetic: Dataset) -> None:
    user = build("noisy(0.3):blind:rules", synthetic, {"wishes": 1})
    assert user.spec()["p"] == 0.3  # type: ignore[attr-defined]
    assert user.user.user.wishes == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("rule", {}, "unknown simulator 'rule'; did you mean 'rules'"),
        ("rules", {"wish": 1}, "unknown option of simulator 'rules' 'wish'; did you mean 'wishes'"),
        ("crsgym.simulators.rules:RuleSimulator", {}, "did you mean 'RulesSimulator'"),
        ("blind:rulez", {}, "did you mean 'rules'"),
        ("rules", {"wishes": 0}, "wishes must be at least 1; got 0"),
    ],
)
def test_what_is_wrong_is_said(
    synthetic: Dataset, name: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message.replace("(", r"\(")):
        build(name, synthetic, options)


def test_what_is_no_user_is_refused(synthetic: Dataset) -> None:
    with pytest.raises(PluginError, match="expected a class with `from_dataset`"):
        build("crsgym.simulators.wording:WANT", synthetic)
    with pytest.raises(PluginError, match="expected `respond` and a bool `target_aware`"):
        build(object(), synthetic)  # type: ignore[arg-type]
