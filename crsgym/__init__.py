"""Reinforcement-learning environments for conversational recommendation.

```python
env = crsgym.make("INSPIRED-v0")
observation, info = env.reset(seed=0)
observation, reward, terminated, truncated, info = env.step(
    crsgym.format_answer(observation["candidates"][:10])
)
```
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from crsgym.registry import envs, make, make_task, make_vec, register_env

# Not lazily: the module of that name would take the function's place once anything imports it.
from crsgym.rollout import rollout

if TYPE_CHECKING:
    from crsgym.actions import format_answer, parse_answer
    from crsgym.data import register_dataset
    from crsgym.env import CRSEnv
    from crsgym.evaluation.evaluate import evaluate
    from crsgym.evaluation.report import Report
    from crsgym.rewards import register_reward
    from crsgym.task import Task
    from crsgym.vector import CRSVectorEnv
    from crsgym.world import World

__version__ = "0.1.0"

_LAZY = {
    "CRSEnv": "crsgym.env",
    "CRSVectorEnv": "crsgym.vector",
    "Report": "crsgym.evaluation",
    "Task": "crsgym.task",
    "World": "crsgym.world",
    "evaluate": "crsgym.evaluation",
    "format_answer": "crsgym.actions",
    "parse_answer": "crsgym.actions",
    "register_dataset": "crsgym.data",
    "register_reward": "crsgym.rewards",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module 'crsgym' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    # environments
    "make",
    "make_vec",
    "make_task",
    "envs",
    "register_env",
    "register_dataset",
    "register_reward",
    "CRSEnv",
    "CRSVectorEnv",
    "World",
    "Task",
    # answers
    "format_answer",
    "parse_answer",
    # evaluation
    "rollout",
    "evaluate",
    "Report",
    "__version__",
]
