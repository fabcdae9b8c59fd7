"""A teacher of the form alone: what a good list is, is left for reinforcement to find out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crsgym.actions import format_answer
from crsgym.seeding import derive_seed
from crsgym.types import State
from crsgym.world import World

from .wishes import WishWriter

FORMS = ("dialogue", "feedback", "said", "open")
"""Preferences that can be read off a conversation without knowing the catalogue."""


class FormTeacher:
    """Well-formed answers of mixed worth, as people's own are; it never looks at the target.

    The preference is in one of ``FORMS``, drawn by chance. The list is in the candidates' order,
    and which of them are left out is drawn by chance too. A model that imitates this knows how to
    answer, and which titles to answer with is still open to it.

    Args:
        world: whose catalogue and list length answers follow.
        seed: of the draws.
    """

    def __init__(self, world: World, *, seed: int = 0) -> None:
        self._world, self._seed = world, seed
        self._wishes = WishWriter(world.catalogue)

    def teach(self, states: Sequence[State]) -> list[str | None]:
        """One answer per state: equal states get equal answers."""
        titles = self._world.catalogue.titles
        answers: list[str | None] = []
        for state, observation in zip(states, self._world.observe(states), strict=True):
            said = (state.scenario.id, state.context.feedback, *map(str, state.candidates))
            rng = np.random.default_rng(derive_seed(self._seed, "form", *said))
            places = rng.permutation(len(state.candidates))[: self._world.list_length]
            listed = [state.candidates[place] for place in np.sort(places)]
            form = FORMS[rng.integers(len(FORMS))]
            answers.append(
                format_answer(
                    [titles[item] for item in listed],
                    preference=self._wishes.write(form, observation, listed),
                )
            )
        return answers


__all__ = ["FORMS", "FormTeacher"]
