"""Simulated users, by name.

| name | what it is |
| --- | --- |
| ``rules`` | label-free; says what in the list fits what the dialogue asked for |
| ``attributes`` | target-aware; critiques the list by attributes of the target |
| ``llm`` | label-free; a chat model plays the user |
| ``llm-attributes`` | target-aware; a chat model that is told attributes, never the title |

A control goes in front of any of them: ``"blind:rules"`` (see :mod:`crsgym.simulators.controls`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crsgym.data.dataset import Dataset
from crsgym.errors import ConfigurationError, PluginError
from crsgym.options import read_options
from crsgym.plugins import Registry
from crsgym.protocols import Simulator

SIMULATORS = Registry(
    "simulator",
    {
        "rules": "crsgym.simulators.rules:RulesSimulator",
        "attributes": "crsgym.simulators.attributes:AttributesSimulator",
        "llm": "crsgym.simulators.llm:LLMSimulator",
        "llm-attributes": "crsgym.simulators.llm:LLMAttributesSimulator",
    },
)


def build(
    simulator: str | Simulator, dataset: Dataset, options: Mapping[str, Any] | None = None
) -> Simulator:
    """The user for a data set.

    Args:
        simulator: a name of ``SIMULATORS``, ``"module:Class"``, either with controls in front
            (``"noisy(0.3):rules"``), or a ready object, taken as it is.
        dataset: what the conversations are about.
        options: keywords of the class's ``from_dataset``.

    Raises:
        ConfigurationError: on an unknown name or option.
        PluginError: when what the name stands for is not a simulator.
    """
    options = options or {}
    if not isinstance(simulator, str):
        if options:
            raise ConfigurationError(
                f"simulator_options {sorted(options)} go with a simulator's name, "
                "not with a ready one"
            )
        return _checked(simulator, repr(simulator))
    from crsgym.simulators.controls import split_control, wrap

    split = split_control(simulator)
    if split is not None:
        control, user = split
        return _checked(wrap(control, build(user, dataset, options), dataset), repr(simulator))
    kind = SIMULATORS.load(simulator)
    if not callable(getattr(kind, "from_dataset", None)):
        raise PluginError(
            f"simulator {simulator!r}: expected a class with `from_dataset`, got {kind!r}"
        )
    options = read_options(f"simulator {simulator!r}", kind.from_dataset, options)
    return _checked(kind.from_dataset(dataset, **options), repr(simulator))


def _checked(simulator: Any, name: str) -> Simulator:
    if not callable(getattr(simulator, "respond", None)) or not isinstance(
        getattr(simulator, "target_aware", None), bool
    ):
        raise PluginError(
            f"simulator {name}: expected `respond` and a bool `target_aware`, got {simulator!r}"
        )
    built: Simulator = simulator
    return built


__all__ = ["SIMULATORS", "build"]
