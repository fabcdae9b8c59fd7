"""A reward term and a user of one's own: a function, and a class with one method.

Core dependencies, about three seconds.

    python examples/05_own_reward_and_user.py
"""

import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

import crsgym
from crsgym.data import Dataset, load
from crsgym.testing import check_simulator
from crsgym.types import Context, Goal, Recommendation


def brevity(
    recommendations: Sequence[Recommendation], goals: Sequence[Goal]
) -> npt.NDArray[np.float64]:
    """1 for an inferred preference of at most twenty words, falling to 0 at forty. Shape (B,)."""
    words = np.array([len(r.preference.split()) for r in recommendations])
    return np.clip(2 - words / 20, 0.0, 1.0)


crsgym.register_reward("brevity", brevity)


class Impatient:
    """A label-free user that says less with every turn, and asks for the genre it misses most."""

    target_aware = False

    def __init__(self, dataset: Dataset) -> None:
        self.catalogue = dataset.catalogue

    @classmethod
    def from_dataset(cls, dataset: Dataset) -> "Impatient":
        return cls(dataset)

    def respond(
        self,
        contexts: Sequence[Context],
        seeds: Sequence[int],
        goals: Sequence[Goal] | None = None,
    ) -> list[str]:
        # Each conversation comes with a seed of its own: draw from nothing else, and equal
        # conversations get equal words, in any batch.
        return [self.reply(c, random.Random(s)) for c, s in zip(contexts, seeds, strict=True)]

    def reply(self, context: Context, rng: random.Random) -> str:
        opening = rng.choice(["Hmm.", "Not quite.", "Close."])
        missing = self.genres(context.mentioned) - self.genres(context.last_list[:3])
        if not missing or len(context.turns) > 3:
            return opening
        return f"{opening} More {min(missing)}, please."

    def genres(self, items: Sequence[int]) -> set[str]:
        return {genre for item in items for genre in self.catalogue[item].values("genre")}


user = Impatient(load("synthetic"))
# The contract in one call: one text a context, and the same words alone, in a batch and again.
check_simulator(user, crsgym.make_task("Synthetic-v0", split="valid", limit=30))

# A term counts where its weight is named; the built-in ones keep the weight 1 unless named too.
env = crsgym.make(
    "Synthetic-v0",
    split="train",
    simulator=user,
    reward_weights={"brevity": 0.5, "think_format": 0.0},
    success="never",
)
observation, _ = env.reset(seed=1)
for preference in ("Comedies.", "Comedies, " + "and then some more of them, " * 6):
    answer = crsgym.format_answer(observation["candidates"][:10], preference=preference)
    observation, reward, _, _, info = env.step(answer)
    print(f"{reward:.2f}", info["reward_terms"])
    print("Seeker:", observation["feedback"])
