"""What an answer is worth: named terms, each a pure function of answers and goals.

The five terms of SMTPO (section 3.4.2, equations 15 to 19) are always computed and reported; own
terms join by name (:func:`register_reward`). A term is a :class:`~crsgym.protocols.RewardTerm`:

    term(recommendations, goals) -> float64, shape (B,)

and may say its ``bounds``, a pair (lowest, highest) value.

| term | bounds | what it does not see |
| --- | --- | --- |
| ``think_format`` | 0 to 1 | what the steps say |
| ``answer_format`` | 0 to 1 | whether the entries name items |
| ``hit`` | 0 or 1 | the place in the list |
| ``rank`` | 0 to 1 | the places behind the target |
| ``preference`` | -1 to 1 | the list; Step1 behind 1,000 characters |
"""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from crsgym.actions import STEPS, repair_unicode
from crsgym.errors import ConfigurationError, PluginError
from crsgym.plugins import Registry
from crsgym.protocols import RewardTerm, TextEncoder, describe
from crsgym.types import Utterance

if TYPE_CHECKING:
    from crsgym.data.dataset import Dataset
    from crsgym.types import FloatArray, Goal, Recommendation

Values = npt.NDArray[np.float64]

MAX_ENCODED = 1_000
"""Characters of ``P_t`` that are compared with the reference: about what an encoder can read, and
several times what a preference takes."""
_CACHE_BYTES = 1 << 26
_SILENCE = 1e-3
"""A vector this close to the centre has no direction but rounding."""


def think_format(recommendations: Sequence[Recommendation], goals: Sequence[Goal]) -> Values:
    """Process format: ``1 - |N - 5| / 5`` for ``1 <= N <= 7`` headings, else 0 (equation 15)."""
    n = len(STEPS)
    return _values(
        [1 - abs(r.steps - n) / n if 1 <= r.steps <= n + 2 else 0.0 for r in recommendations]
    )


def answer_format(recommendations: Sequence[Recommendation], goals: Sequence[Goal]) -> Values:
    """Answer format: 1 where ``RANK LIST: [Title, ..., Title]`` was found, else 0 (equation 16).

    What counts as found is in :func:`crsgym.actions.parse_answer`.
    """
    return _values([float(r.well_formed) for r in recommendations])


def hit(recommendations: Sequence[Recommendation], goals: Sequence[Goal]) -> Values:
    """1 where the target is in ``R_t``, else 0 (equation 17)."""
    pairs = zip(recommendations, goals, strict=True)
    return _values([float(goal.target in r.slots) for r, goal in pairs])


def rank(recommendations: Sequence[Recommendation], goals: Sequence[Goal]) -> Values:
    """``1 - (pos - 1) / len(R_t)``, ``pos`` from 1; 0 where ``R_t`` lacks the target (equation 18).

    ``len(R_t)`` counts slots as written: an entry that was not understood has its place.
    """
    pairs = zip(recommendations, goals, strict=True)
    return _values(
        [
            0.0 if (pos := r.rank_of(goal.target)) is None else 1 - (pos - 1) / len(r.slots)
            for r, goal in pairs
        ]
    )


class _Direction(NamedTuple):
    """A text's vector, its product with the centre, and how far from the centre it is."""

    vector: FloatArray
    along: float
    length: float


class PreferenceSimilarity:
    """``cos(E_T(P_t), E_T(P))``: the inferred against the reference preference (equation 19).

    An answer without a preference has 0, as has one without a word that the encoder knows.

    Every encoder finds any two preferences alike, for the phrases that all of them share; with a
    plain encoder the empty phrases alone, ``"The seeker likes. The seeker wants."``, earn more than
    an honest inference. So ``E_T`` is taken about its mean over a background of preferences (Mu and
    Viswanath, arXiv 1702.01417): a text that is the same for every conversation earns 0 on average,
    and the reference itself still earns 1.

    The vectors of references are kept (in 64 MiB), so a batch costs one call of the encoder.

    Args:
        encoder: ``E_T``.
        background: what preferences look like in general; without one, vectors stay as they are.
    """

    bounds = (-1.0, 1.0)

    def __init__(self, encoder: TextEncoder, background: Sequence[str] = ()) -> None:
        self.encoder = encoder
        self.background = tuple(background)
        self._centre: FloatArray | None = None
        self._square = 0.0
        self._references: dict[str, _Direction] = {}
        self._capacity = max(64, _CACHE_BYTES // (4 * encoder.dim))

    def __call__(self, recommendations: Sequence[Recommendation], goals: Sequence[Goal]) -> Values:
        """The similarity of each pair, shape (B,).

        Raises:
            PluginError: when the encoder breaks its contract.
        """
        inferred = [repair_unicode(r.preference[:MAX_ENCODED]) for r in recommendations]
        wanted = [goal.preference for goal in goals]
        asked = [row for row, pair in enumerate(zip(inferred, wanted, strict=True)) if all(pair)]
        similarity = np.zeros(len(inferred))
        if not asked:
            return similarity
        texts, targets = [inferred[row] for row in asked], [wanted[row] for row in asked]
        # Taken out before anything is put in, which may forget what was in.
        kept = {text: self._references.get(text) for text in targets}
        new = [text for text, direction in kept.items() if direction is None]
        told = self._directions([*texts, *new])
        references = {text: direction or told[text] for text, direction in kept.items()}
        similarity[asked] = [
            self._cosine(told[text], references[target])
            for text, target in zip(texts, targets, strict=True)
        ]
        if len(self._references) + len(new) > self._capacity:
            self._references.clear()
        # Copies, since a row would keep the whole array of its batch.
        self._references.update(
            (text, told[text]._replace(vector=told[text].vector.copy()))
            for text in new[: self._capacity]
        )
        return similarity

    def spec(self) -> dict[str, Any]:
        """The encoder, and a digest of the background."""
        digest = hashlib.sha256("\n".join(self.background).encode("utf-8", "replace")).hexdigest()
        return {"encoder": describe(self.encoder), "background": digest[:16]}

    def _directions(self, texts: Sequence[str]) -> dict[str, _Direction]:
        """Of each text, what its cosines about the centre are made of."""
        if self._centre is None:
            self._centre = np.zeros(self.encoder.dim, dtype=np.float32)
            if self.background:
                self._centre = self._plain(self.background).mean(axis=0)
            self._square = float(np.dot(self._centre, self._centre))
        unique = list(dict.fromkeys(texts))
        directions = {}
        for text, vector in zip(unique, self._plain(unique), strict=True):
            along, square = float(np.dot(vector, self._centre)), float(np.dot(vector, vector))
            length = math.sqrt(max(square - 2 * along + self._square, 0.0)) if square else 0.0
            directions[text] = _Direction(vector, along, length)
        return directions

    def _cosine(self, a: _Direction, b: _Direction) -> float:
        """``(a - c) . (b - c) / (|a - c| |b - c|)``, multiplied out: no vector is copied."""
        one, along_one, length_one = a
        other, along_other, length_other = b
        if length_one < _SILENCE or length_other < _SILENCE:
            return 0.0
        product = float(np.dot(one, other)) - along_one - along_other + self._square
        cosine = product / (length_one * length_other)
        # Products in float32 are right to 7 digits only.
        return 1.0 if cosine > 1 else -1.0 if cosine < -1 else cosine

    def _plain(self, texts: Sequence[str]) -> FloatArray:
        vectors = np.asarray(self.encoder.encode(texts), dtype=np.float32)
        name, expected = type(self.encoder).__name__, (len(texts), self.encoder.dim)
        if vectors.shape != expected:
            raise PluginError(f"{name}.encode must return shape {expected}; got {vectors.shape}")
        if not np.isfinite(vectors).all():
            raise PluginError(f"{name}.encode returned NaN or infinity")
        return vectors


def typical_preferences(dataset: Dataset, most: int = 256) -> tuple[str, ...]:
    """Reference preferences of items spread over the catalogue: a background for the reward.

    They are written by the data set's writer as if the first attribute of the item had been named,
    so they depend on no split.
    """
    step = -(-len(dataset.catalogue) // most)
    items = [dataset.catalogue[i] for i in range(0, len(dataset.catalogue), step)]
    return tuple(
        dataset.writer(item, (Utterance("seeker", "", (), item.values()[:1]),)) for item in items
    )


PROTOCOL_TERMS: tuple[str, ...] = ("think_format", "answer_format", "hit", "rank", "preference")
"""Names of the five terms, in the order in which they are reported."""

REWARDS = Registry(
    "reward term",
    {
        "think_format": think_format,
        "answer_format": answer_format,
        "hit": hit,
        "rank": rank,
        "preference": PreferenceSimilarity,
    },
)
"""Reward terms by name."""


def register_reward(name: str, term: RewardTerm | type[RewardTerm] | str) -> None:
    """Make a term known, so that ``reward_weights={name: weight}`` takes it in.

    Args:
        name: how it is reported in ``info["reward_terms"]``.
        term: a function or object ``(recommendations, goals) -> (B,)``, a class of such objects
            that needs no arguments, or where to find one: ``"my_package.rewards:novelty"``.

    Raises:
        ConfigurationError: when the name stands for something else already.
    """
    if not name.isidentifier():
        raise ConfigurationError(f"the name of a reward term is an identifier; got {name!r}")
    if not isinstance(term, str) and not callable(term):
        raise ConfigurationError(
            f"reward term {name!r} must be callable, or a 'module:attribute' path; got {term!r}"
        )
    REWARDS.register(name, term)


class Rewards:
    """The weighted sum of all terms.

    Args:
        weights: weight by name, for a registered name or a ``"module:attribute"`` path. Terms of
            the protocol that are not named weigh 1; own terms count only when named. A term of
            weight 0 is reported all the same.
        encoder: the text encoder of the preference term.
        background: preferences about whose mean that term compares; see
            :class:`PreferenceSimilarity` and :func:`typical_preferences`.

    Raises:
        ConfigurationError: for an unknown name, a weight that is no finite number, or an encoder
            that cannot encode.
    """

    def __init__(
        self,
        weights: Mapping[str, float] | None,
        encoder: TextEncoder,
        *,
        background: Sequence[str] = (),
    ) -> None:
        if not isinstance(encoder, TextEncoder):
            raise ConfigurationError(
                f"the encoder of the preference reward needs `dim` and `encode(texts)`; "
                f"got {encoder!r}"
            )
        if weights is not None and not isinstance(weights, Mapping):
            raise ConfigurationError(f"reward weights map names to numbers; got {weights!r}")
        weights = dict(weights or {})
        self.weights: dict[str, float] = dict.fromkeys(PROTOCOL_TERMS, 1.0)
        for name, weight in weights.items():
            if not isinstance(name, str):
                raise ConfigurationError(f"a weight names a reward term; got {name!r}")
            REWARDS.load(name)
            self.weights[name] = _weight(name, weight)
        self.encoder = encoder
        self.preference = PreferenceSimilarity(encoder, background)
        self.terms: dict[str, RewardTerm] = {
            name: self.preference if name == "preference" else _term(name) for name in self.weights
        }

    def __call__(
        self, recommendations: Sequence[Recommendation], goals: Sequence[Goal]
    ) -> tuple[Values, list[dict[str, float]]]:
        """Score a batch of answers.

        Returns:
            The totals, float64 of shape (B,), and for each answer every term before weighting.

        Raises:
            ValueError: when there is not one goal per answer.
            PluginError: when a term returns anything but B finite numbers.
        """
        if len(recommendations) != len(goals):
            raise ValueError(
                f"expected {len(recommendations)} goals, one per answer; got {len(goals)}"
            )
        totals = np.zeros(len(goals))
        columns: list[list[float]] = []
        for name, term in self.terms.items():
            values = _checked(name, term(recommendations, goals), len(goals))
            totals += self.weights[name] * values
            columns.append(values.tolist())
        names = tuple(self.terms)
        return totals, [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest total that any answer can have."""
        low = high = 0.0
        for name, term in self.terms.items():
            weight = self.weights[name]
            if weight:
                ends = [weight * bound for bound in _bounds(name, term)]
                low, high = low + min(ends), high + max(ends)
        return low, high

    def spec(self) -> dict[str, Any]:
        """All that the reward depends on, JSON-able."""
        own = {name: _describe(t) for name, t in self.terms.items() if name not in PROTOCOL_TERMS}
        return {"weights": dict(self.weights), "preference": self.preference.spec(), "own": own}


def _values(numbers: Sequence[float]) -> Values:
    return np.array(numbers, dtype=np.float64)


def _checked(name: str, returned: object, count: int) -> Values:
    """What a term returned, as ``count`` finite numbers."""
    try:
        values = np.asarray(returned, dtype=np.float64)
    except (TypeError, ValueError):
        values = _values(())
    if values.shape != (count,) or not np.isfinite(values).all():
        raise PluginError(
            f"reward term {name!r} must return {count} finite numbers; got {returned!r}"
        )
    return values


def _weight(name: str, weight: object) -> float:
    if isinstance(weight, bool) or not isinstance(weight, int | float | np.number):
        raise ConfigurationError(f"the weight of {name!r} must be a number; got {weight!r}")
    try:
        number = float(weight)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ConfigurationError(f"the weight of {name!r} must be finite; got {weight!r}")
    return number


def _term(name: str) -> RewardTerm:
    term = REWARDS.load(name)
    if inspect.isclass(term):
        try:
            inspect.signature(term).bind()
        except TypeError as error:
            raise ConfigurationError(
                f"reward term {name!r} is a class that needs arguments ({error}); "
                f"register an object of it"
            ) from None
        term = term()
    if not callable(term):
        raise ConfigurationError(f"reward term {name!r} must be callable; got {term!r}")
    return cast("RewardTerm", term)


def _bounds(name: str, term: RewardTerm) -> tuple[float, float]:
    default = (0.0, 1.0) if name in PROTOCOL_TERMS else (-math.inf, math.inf)
    low, high = getattr(term, "bounds", default)
    return float(low), float(high)


def _describe(term: RewardTerm) -> dict[str, Any]:
    if inspect.isfunction(term):
        return {"class": f"{term.__module__}:{term.__qualname__}"}
    return describe(term)


__all__ = [
    "MAX_ENCODED",
    "PROTOCOL_TERMS",
    "REWARDS",
    "PreferenceSimilarity",
    "Rewards",
    "answer_format",
    "hit",
    "rank",
    "register_reward",
    "think_format",
    "typical_preferences",
]
