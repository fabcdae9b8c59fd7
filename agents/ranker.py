"""A ranking network as a recommender: the fast agent, and the proof that the worlds carry signal.

The policy scores every item it may list by its features
(:mod:`crsgym.integrations.features`); its lists are drawn by the Plackett-Luce model over these
scores (:mod:`.plackett_luce`), so their log-probability is exact. Beside the list it chooses in
which form it writes the inferred preference (:mod:`.wishes`), with which it steers what the
retriever offers next.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from crsgym.actions import format_answer
from crsgym.baselines import AGENT_FILE
from crsgym.errors import ArtifactError, ConfigurationError
from crsgym.integrations.features import FEATURES, STATE, WORDS, CandidateFeatures, View
from crsgym.types import Observation

from . import plackett_luce
from .wishes import FORMS, WishWriter

if TYPE_CHECKING:
    from typing_extensions import Self

    from crsgym.task import Task

VERSION = 1
"""Raised with every change of the features or the network: older checkpoints do not load."""
_WEIGHTS = "policy.safetensors"
_CONSTANT = 1e-6
_LISTED = [FEATURES.index(name) for name in ("in_last_list", "in_earlier_lists")]


@dataclass(frozen=True)
class PolicyConfig:
    """The shape of the policy, and what it may use."""

    hidden: int = 64
    """Width of the hidden layer."""
    words: int = 8
    """Dimensions that the words of the feedback are projected to."""
    use_feedback: bool = True
    """Whether it reads the user's feedback."""
    use_preference: bool = True
    """Whether it writes an inferred preference; else it writes none, and the retriever has none."""

    def __post_init__(self) -> None:
        """Refuse widths that are not positive."""
        for name in ("hidden", "words"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name}: expected at least 1, got {getattr(self, name)}")


class RankingPolicy(nn.Module):
    """Scores of the items, and of the forms of a preference.

    An item's score is linear in its features, plus a hidden layer over these, the turn and the
    words of the feedback, plus the verdict that these words are on what was listed before. It
    begins as the uniform policy.

    Args:
        config: its shape.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(len(FEATURES)))
        self.register_buffer("scale", torch.ones(len(FEATURES)))
        context = len(STATE) + config.words
        self.words = nn.Linear(WORDS, config.words)
        self.linear = nn.Linear(len(FEATURES), 1, bias=False)
        self.inner = nn.Linear(len(FEATURES) + context, config.hidden)
        self.outer = nn.Linear(config.hidden, 1, bias=False)
        self.verdict = nn.Linear(WORDS, len(_LISTED))
        self.forms = nn.Linear(context, len(FORMS))
        for layer in (self.linear, self.outer, self.verdict, self.forms):
            nn.init.zeros_(layer.weight)
        for layer in (self.verdict, self.forms):
            nn.init.zeros_(layer.bias)

    @torch.no_grad()
    def set_scale(self, view: View) -> None:
        """Measure features in their standard deviations over a view.

        One that is constant there is left as it is, and begins without any say: what a training
        never meets, such as a later turn, must not act by the chance of its first weights.
        """
        x, state = torch.from_numpy(view.x[view.mask]), torch.from_numpy(view.state)
        spread = x.std(dim=0)
        constant = spread < _CONSTANT
        self.mean.copy_(torch.where(constant, 0.0, x.mean(dim=0)))
        self.scale.copy_(torch.where(constant, 1.0, spread))
        words = torch.zeros(self.words.out_features, dtype=torch.bool)
        unseen = torch.cat([constant, state.std(dim=0) < _CONSTANT, words])
        self.inner.weight[:, unseen] = 0

    @torch.no_grad()
    def soften(self, factor: float) -> None:
        """Divide all scores and logits: the likeliest answers stay, the others become likelier."""
        for layer in (self.linear, self.outer, self.verdict, self.forms):
            layer.weight.div_(factor)
        for layer in (self.verdict, self.forms):
            layer.bias.div_(factor)

    def forward(self, view: View) -> tuple[Tensor, Tensor]:
        """Scores (B, K) of the items of a view, and logits (B, forms) of the forms."""
        raw, said = torch.from_numpy(view.x), torch.from_numpy(view.words)
        x = (raw - self.mean) / self.scale
        words = torch.tanh(self.words(said))
        context = torch.cat([torch.from_numpy(view.state), words], dim=1)
        spread = context[:, None].expand(-1, x.shape[1], -1)
        hidden = torch.tanh(self.inner(torch.cat([x, spread], dim=2)))
        scores = (self.linear(x) + self.outer(hidden)).squeeze(2)
        scores = scores + (raw[:, :, _LISTED] @ self.verdict(said)[:, :, None]).squeeze(2)
        return scores, self.forms(context)


@dataclass(frozen=True)
class Choices:
    """What a policy chose for each observation of a view."""

    lists: Tensor
    """Columns of the view, int64 (B, L), best first."""
    forms: Tensor
    """Index into ``FORMS``, int64 (B,)."""


class Ranker:
    """The agent: reads observations, chooses, writes answers.

    Args:
        policy: scores items and forms.
        config: of the policy.
        task: whose catalogue it ranks; any data set will do, the features are the same.
        record: what is known of its training, JSON-able; reports show it.
    """

    ranks = "catalogue"
    """It may list items of its last list again that are not offered any more."""

    def __init__(
        self,
        policy: RankingPolicy,
        config: PolicyConfig,
        task: Task,
        *,
        record: Mapping[str, Any] | None = None,
    ) -> None:
        self.policy = policy
        self.config = config
        self.record = dict(record or {})
        self.features = CandidateFeatures(task.dataset, use_feedback=config.use_feedback)
        self._writer = WishWriter(task.dataset.catalogue)
        self._titles = task.dataset.catalogue.titles
        self._length = task.world.list_length

    @classmethod
    def from_task(cls, task: Task) -> Self:
        """There is no such thing as a ranker without training.

        Raises:
            ConfigurationError: always; says how to train one and how to name it.
        """
        raise ConfigurationError(
            f"a ranker is trained first: crsgym train ranker --env {task.id} --out DIR; then it is "
            "the agent ranker:DIR"
        )

    def act(self, observations: Sequence[Observation]) -> list[str]:
        """The likeliest answer to each observation."""
        view = self.features.read(observations)
        return self.answers(observations, view, self.greedy(view))

    def spec(self) -> dict[str, Any]:
        """The policy's shape and its training."""
        return {"version": VERSION, "policy": asdict(self.config), **self.record}

    @torch.no_grad()
    def greedy(self, view: View) -> Choices:
        """The likeliest list and form."""
        scores, forms = self.policy(view)
        lists = plackett_luce.best(scores, torch.from_numpy(view.mask), self._length)
        return Choices(lists, forms.argmax(dim=1))

    @torch.no_grad()
    def sample(self, view: View, generator: torch.Generator) -> Choices:
        """A list and a form, drawn."""
        scores, forms = self.policy(view)
        lists = plackett_luce.sample(
            scores, torch.from_numpy(view.mask), self._length, generator=generator
        )
        drawn = torch.multinomial(forms.softmax(dim=1), 1, generator=generator).squeeze(1)
        return Choices(lists, drawn)

    @torch.no_grad()
    def sample_lists(self, view: View, number: int, generator: torch.Generator) -> Tensor:
        """Several lists for each row, drawn: columns, int64 (B, number, L)."""
        scores, _ = self.policy(view)
        scores, mask = _repeat(scores, number), _repeat(torch.from_numpy(view.mask), number)
        return plackett_luce.sample(scores, mask, self._length, generator=generator)

    def log_prob(self, view: View, choices: Choices) -> Tensor:
        """Log-probability of each choice: the places of the list, then the form. (B, L + 1).

        The sum of a row is that of the answer: what is written follows from the choices.
        """
        scores, forms = self.policy(view)
        places = plackett_luce.log_prob(scores, torch.from_numpy(view.mask), choices.lists)
        return torch.cat([places, self._form_log_prob(forms, choices.forms)], dim=1)

    def log_probs(self, view: View, choices: Choices, lists: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`log_prob`, and for further lists (B, M, L) that of each place, (B, M, L)."""
        scores, forms = self.policy(view)
        mask = torch.from_numpy(view.mask)
        places = plackett_luce.log_prob(scores, mask, choices.lists)
        number = lists.shape[1]
        further = plackett_luce.log_prob(_repeat(scores, number), _repeat(mask, number), lists)
        return torch.cat([places, self._form_log_prob(forms, choices.forms)], dim=1), further

    def _form_log_prob(self, logits: Tensor, forms: Tensor) -> Tensor:
        chosen = logits.log_softmax(dim=1).gather(1, forms[:, None])
        return chosen if self.config.use_preference else torch.zeros_like(chosen)

    def listed(self, view: View, choices: Choices) -> list[list[int]]:
        """The items of each list, best first."""
        rows = choices.lists.numpy()
        return [
            [int(items[column]) for column in row if mask[column]]
            for items, mask, row in zip(view.items, view.mask, rows, strict=True)
        ]

    def preference(self, form: str, observation: Observation, listed: Sequence[int]) -> str:
        """``P_t`` in one of ``FORMS``; empty where the policy writes none."""
        if not self.config.use_preference:
            return ""
        return self._writer.write(form, observation, listed, feedback=self.config.use_feedback)

    def answers(
        self, observations: Sequence[Observation], view: View, choices: Choices
    ) -> list[str]:
        """The choices as texts in the protocol's form."""
        return [
            format_answer(
                [self._titles[item] for item in listed],
                preference=self.preference(FORMS[form], observation, listed),
            )
            for observation, listed, form in zip(
                observations, self.listed(view, choices), choices.forms.tolist(), strict=True
            )
        ]

    def save(self, directory: Path) -> None:
        """Write ``policy.safetensors`` and ``agent.json``."""
        from safetensors.torch import save_file

        directory.mkdir(parents=True, exist_ok=True)
        # The record goes last: a folder with one has weights that belong to it.
        weights = {name: value.contiguous() for name, value in self.policy.state_dict().items()}
        save_file(weights, directory / _WEIGHTS)
        kind = f"{type(self).__module__}:{type(self).__qualname__}"
        text = json.dumps({"class": kind, **self.spec()}, indent=2, ensure_ascii=False)
        (directory / AGENT_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: str | Path, task: Task) -> Self:
        """A saved ranker, for a task that need not be the one it was trained on.

        Raises:
            ConfigurationError: when the folder holds no ranker, or one of another version.
            ArtifactError: when its files are damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        directory = Path(directory)
        path = directory / AGENT_FILE
        if not path.is_file():
            raise ConfigurationError(f"{directory} holds no ranker: there is no {AGENT_FILE}")
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            del record["class"]
            version, shape = record.pop("version"), record.pop("policy")
            if version == VERSION:
                config = PolicyConfig(**{f.name: shape[f.name] for f in fields(PolicyConfig)})
                policy = RankingPolicy(config)
                policy.load_state_dict(load_file(directory / _WEIGHTS))
        except (OSError, KeyError, ValueError, RuntimeError, SafetensorError) as error:
            raise ArtifactError(
                f"{directory}: the ranker is damaged: {error}; train it again"
            ) from error
        if version != VERSION:
            raise ConfigurationError(
                f"{directory}: a ranker of version {version}, and this is {VERSION}; train it again"
            )
        return cls(policy.eval(), config, task, record=record)


def _repeat(rows: Tensor, number: int) -> Tensor:
    """Rows (B, K) as (B, number, K)."""
    return rows[:, None].expand(-1, number, -1)


__all__ = ["VERSION", "Choices", "PolicyConfig", "Ranker", "RankingPolicy"]
