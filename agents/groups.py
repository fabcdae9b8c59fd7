"""Groups of answers from a world: the same question, answered several times.

Two ways to make them, both by copying states, which are values:

* **branch**: at every turn the one state is answered ``G`` times; one of the answers, drawn by
  chance, is committed and leads to the next turn. Every group then shares its state exactly.
* **trajectories**: the first state is copied ``G`` times, and each copy is played to its end.
  Turns of one index are compared although their histories differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crsgym.protocols import Completion, Sampling
from crsgym.seeding import derive_seed
from crsgym.types import Outcome, Recommendation, Scenario, State
from crsgym.world import World

from .compact import PROMPTS
from .sampler import Sampler


@dataclass(frozen=True)
class Answer:
    """One answer to one state: a row of the training batch."""

    scenario: int
    """Place of its scenario in the batch, ``b``."""
    member: int
    """Place in its group, ``g``."""
    turn: int
    """From 0, ``t``."""
    completion: Completion
    outcome: Outcome

    @property
    def recommendation(self) -> Recommendation:
        """The answer as it was understood."""
        return self.outcome.state.context.turns[-1].recommendation


@dataclass(frozen=True)
class Groups:
    """What was played."""

    answers: tuple[Answer, ...]
    rewards: npt.NDArray[np.float64]
    """Of each answer, (B, G, T); 0 where none was given."""
    mask: npt.NDArray[np.bool_]
    """Where an answer was given, (B, G, T)."""
    ranks: npt.NDArray[np.int64]
    """Rank of the target in the list, from 1; 0 where it is not listed. (B, G, T)."""
    finals: tuple[State, ...]
    """The last state of each conversation: B x G of them, or B when they branch."""


def play_groups(
    world: World,
    scenarios: Sequence[Scenario],
    sampler: Sampler,
    *,
    group_size: int,
    branch: bool,
    prompt: str,
    sampling: Sampling,
    seed: int,
    step: int,
) -> Groups:
    """Play scenarios in groups; what is drawn depends on the seed, the step and the scenario.

    Args:
        world: the rules.
        scenarios: ``B`` of them.
        sampler: the policy.
        group_size: answers a state, or conversations a scenario, ``G``.
        branch: whether answers branch off one conversation.
        prompt: name of a prompt.
        sampling: how answers are drawn.
        seed: of the run.
        step: of the training.
    """
    shape = (len(scenarios), group_size, world.max_turns)
    rewards, ranks = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    mask = np.zeros(shape, dtype=np.bool_)
    members = 1 if branch else group_size
    places = [(b, g) for b in range(len(scenarios)) for g in range(members)]
    starts = world.start(
        scenarios, seed=[derive_seed(seed, "world", step, s.id) for s in scenarios]
    )
    states = {(b, g): starts[b] for b, g in places}
    answers: list[Answer] = []
    for turn in range(world.max_turns):
        asked = [place for place in places if states[place].status == "running"]
        if branch:
            asked = [(b, g) for b, _ in asked for g in range(group_size)]
        if not asked:
            break
        current = [states[b, 0 if branch else g] for b, g in asked]
        seeds = [derive_seed(seed, "answer", step, scenarios[b].id, g, turn) for b, g in asked]
        write = PROMPTS.load(prompt)
        prompts = [write(o, list_length=world.list_length) for o in world.observe(current)]
        completions = sampler.complete(prompts, sampling, seeds)
        outcomes = world.advance(current, [completion.text for completion in completions])
        for (b, g), completion, outcome in zip(asked, completions, outcomes, strict=True):
            answers.append(Answer(b, g, turn, completion, outcome))
            rewards[b, g, turn], mask[b, g, turn] = outcome.reward, True
            ranks[b, g, turn] = outcome.target_rank or 0
            committed = derive_seed(seed, "commit", step, scenarios[b].id, turn) % group_size
            if not branch:
                states[b, g] = outcome.state
            elif g == committed:
                states[b, 0] = outcome.state
    return Groups(tuple(answers), rewards, mask, ranks, tuple(states[place] for place in places))


__all__ = ["Answer", "Groups", "play_groups"]
