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

    The preference is in one of ``FORMS``, drawn by chance. The list is drawn from the candidates
    without replacement (Plackett-Luce), the first ``e`` times as likely as the ``spread``-th behind
    it. A model that imitates this knows how to answer, and every choice is still open to it.

    Args:
        world: whose catalogue and list length answers follow.
        spread: places over which a candidate's weight falls to ``1 / e``.
        seed: of the draws.

    Raises:
        ValueError: when ``spread`` is not positive.
    """

    def __init__(self, world: World, *, spread: float = 10.0, seed: int = 0) -> None:
        if not spread > 0:
            raise ValueError(f"spread: expected more than 0; got {spread}")
        self._world, self._spread, self._seed = world, spread, seed
        self._wishes = WishWriter(world.catalogue)

    def teach(self, states: Sequence[State]) -> list[str | None]:
        """One answer per state: equal states get equal answers."""
        titles = self._world.catalogue.titles
        answers: list[str | None] = []
        for state, observation in zip(states, self._world.observe(states), strict=True):
            said = (state.scenario.id, state.context.feedback, *map(str, state.candidates))
            rng = np.random.default_rng(derive_seed(self._seed, "form", *said))
            places = np.arange(len(state.candidates))
            order = np.argsort(places / self._spread - rng.gumbel(size=len(places)))
            listed = [state.candidates[place] for place in order[: self._world.list_length]]
            form = FORMS[rng.integers(len(FORMS))]
            answers.append(
                format_answer(
                    [titles[item] for item in listed],
                    preference=self._wishes.write(form, observation, listed),
                )
            )
        return answers


__all__ = ["FORMS", "FormTeacher"]
