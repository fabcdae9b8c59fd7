"""Any chat model as a recommender, zero-shot or with an adapter.

The observation becomes a prompt (:mod:`crsgym.prompts`, or a shorter one), and the model's text is
the answer as it is: five steps inside ``<think>``, then ``RANK LIST: [...]``. What is wrong with it
is for the environment to read.

    crsgym bench INSPIRED-v0 --agents agents.llm:LLMAgent      # the model in CRSGYM_LLM
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crsgym import chat
from crsgym.errors import ArtifactError, ConfigurationError
from crsgym.options import read_options
from crsgym.protocols import ChatModel, Sampling, describe
from crsgym.seeding import derive_seed
from crsgym.types import Observation

from .compact import PROMPTS

if TYPE_CHECKING:
    from typing_extensions import Self

    from crsgym.task import Task

AGENT_FILE = "agent.json"
"""What ``write_agent`` writes, and :meth:`LLMAgent.load` reads."""
VARIABLE = "CRSGYM_LLM"
"""Environment variable that names the model of ``agents.llm:LLMAgent``: a chat model as
``engine:model``, a folder with ``agent.json``, or the arguments of :class:`LLMAgent` as JSON."""


class LLMAgent:
    """A chat model as a recommender.

    Args:
        model: ``"engine:model"`` (see :mod:`crsgym.chat`) or a chat model.
        list_length: titles that it is asked for.
        prompt: ``"protocol"``, ``"compact"`` or ``"module:function"``.
        max_tokens: tokens of an answer.
        temperature: 0 answers greedily.
        top_p: mass of the tokens that are drawn from.
        adapter: folder of a LoRA adapter for the model.
        options: further options of the model's engine.
        cache: a file that keeps answers and gives them again.
        seed: of the draws, when the temperature is not 0.
        name: in reports; the model's when not given.

    Raises:
        ConfigurationError: an unknown engine, option or prompt.
    """

    ranks = "candidates"

    def __init__(
        self,
        model: str | ChatModel,
        *,
        list_length: int = 10,
        prompt: str = "protocol",
        max_tokens: int = 1024,
        temperature: float = 0.0,
        top_p: float = 1.0,
        adapter: str | None = None,
        options: Mapping[str, Any] | None = None,
        cache: str | None = None,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        engine = {**(options or {}), **({} if adapter is None else {"adapter": adapter})}
        self.model = chat.build(model, engine, cache=cache)
        self.list_length = list_length
        self.prompt = prompt
        self.sampling = Sampling(max_tokens=max_tokens, temperature=temperature, top_p=top_p)
        self.seed = seed
        self.name = name or self.model.name
        self._write = PROMPTS.load(prompt)

    @classmethod
    def from_task(cls, task: Task) -> Self:
        """The agent that the environment variable ``CRSGYM_LLM`` names.

        Raises:
            ConfigurationError: when it names none; says what it may hold.
        """
        named = os.environ.get(VARIABLE, "").strip()
        if not named:
            raise ConfigurationError(
                f"which language model? Set {VARIABLE} to a chat model (server:NAME), to a folder "
                f"that holds {AGENT_FILE} (crsgym train sft writes one), or to JSON: "
                '{"model": "server:NAME", "options": {"base_url": "..."}}'
            )
        if named.startswith("{"):
            return cls._from_values(json.loads(named), task, VARIABLE)
        if (Path(named) / AGENT_FILE).is_file():
            return cls.load(named, task)
        return cls(named, list_length=task.world.list_length)

    @classmethod
    def load(cls, directory: str | Path, task: Task) -> Self:
        """An agent from a folder that :func:`write_agent` wrote to.

        Raises:
            ConfigurationError: when there is none.
            ArtifactError: when its file is damaged.
        """
        path = Path(directory) / AGENT_FILE
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            values.pop("class")
        except FileNotFoundError as error:
            raise ConfigurationError(f"{directory} holds no agent: no {AGENT_FILE}") from error
        except (ValueError, KeyError, AttributeError) as error:
            raise ArtifactError(f"{path} is damaged ({error}); train the agent again") from error
        return cls._from_values(values, task, str(path))

    @classmethod
    def _from_values(cls, values: Mapping[str, Any], task: Task, where: str) -> Self:
        options = dict(values)
        model = options.pop("model", None)
        if not isinstance(model, str):
            raise ConfigurationError(f"{where}: expected a model as 'engine:model'; got {model!r}")
        options = read_options(where, cls, options)
        return cls(model, **{"list_length": task.world.list_length, **options})

    def act(self, observations: Sequence[Observation]) -> list[str]:
        """One answer per observation.

        Raises:
            ModelServerError: when the model does not answer.
        """
        prompts = [self._write(o, list_length=self.list_length) for o in observations]
        seeds = [
            derive_seed(self.seed, prompt[-1]["content"], observation["turn"])
            for prompt, observation in zip(prompts, observations, strict=True)
        ]
        return [c.text for c in self.model.complete(prompts, self.sampling, seeds)]

    def spec(self) -> dict[str, Any]:
        """The model, the prompt and how it answers."""
        return {
            "model": describe(self.model),
            "prompt": self.prompt,
            "list_length": self.list_length,
            "max_tokens": self.sampling.max_tokens,
            "temperature": self.sampling.temperature,
            "top_p": self.sampling.top_p,
            "seed": self.seed,
        }


def write_agent(
    directory: str | Path,
    agent: type,
    *,
    model: str,
    adapter: str | None,
    prompt: str,
    max_tokens: int,
) -> Path:
    """Write ``agent.json``: what makes a folder an agent."""
    path = Path(directory) / AGENT_FILE
    values = {
        "class": f"{agent.__module__}:{agent.__qualname__}",
        "model": model,
        "adapter": adapter,
        "prompt": prompt,
        "max_tokens": max_tokens,
    }
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)
    return path


__all__ = ["AGENT_FILE", "VARIABLE", "LLMAgent", "write_agent"]
