"""Run by run.sh where the wheel and openai-agents are both installed: neither hides the other."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import crsgym_agents
from openai.types.responses import ResponseOutputMessage, ResponseOutputText

import agents
import crsgym
from agents.models.interface import Model


def check(holds: bool, otherwise: str) -> None:
    """Stop with a message where something does not hold."""
    if not holds:
        sys.exit(f"beside openai-agents: {otherwise}")


class Scripted(Model):
    """Always says the same, so that the runner of openai-agents needs no server."""

    def __init__(self, text: str) -> None:
        self.text = text

    async def get_response(self, *args: Any, **kwargs: Any) -> agents.ModelResponse:
        part = ResponseOutputText(annotations=[], text=self.text, type="output_text")
        message = ResponseOutputMessage(
            id="m1", content=[part], role="assistant", status="completed", type="message"
        )
        return agents.ModelResponse(output=[message], usage=agents.Usage(), response_id=None)

    def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        raise NotImplementedError


def owner_of(module: Any, name: str) -> None:
    """Check that the module's file is one that distribution `name` installed."""
    files = {Path(str(f.locate())).resolve() for f in distribution(name).files or ()}
    check(Path(module.__file__).resolve() in files, f"{module.__name__} is not that of {name}")


def main() -> None:
    owner_of(agents, "openai-agents")
    owner_of(crsgym_agents, "crsgym")

    env = crsgym.make("Synthetic-v0", split="test")
    observation, _ = env.reset(seed=0)
    said = crsgym.format_answer(observation["candidates"][:10])
    result = agents.Runner.run_sync(
        agents.Agent(name="recommender", model=Scripted(said)),
        observation["dialogue"],
        run_config=agents.RunConfig(tracing_disabled=True),
    )
    *_, info = env.step(result.final_output)
    check(info["items"] == observation["candidates"][:10], f"the answer was read as {info}")
    print("beside openai-agents: an agent of theirs played a turn of Synthetic-v0")


main()
