"""How a ranker is trained: its settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from crsgym.errors import ConfigurationError

from .ranker import PolicyConfig

Mode = Literal["supervised", "rl", "supervised-rl"]


@dataclass(frozen=True)
class RankerConfig:
    """How a ranker is trained."""

    mode: Mode = "supervised-rl"
    """``"supervised"``, ``"rl"`` from the uniform policy, or ``"supervised-rl"``."""
    seed: int = 0
    """Of the weights, the order of examples, the sampled answers and the users."""
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    """Shape of the policy, and what it may use."""

    constructed: int = 1
    """Turns after constructed lists, beside the recorded first turn; the method has one."""
    offered: float = 0.0
    """Share of these turns after the retriever's own list in place of a constructed one."""
    supervised_epochs: int = 10
    """Most passes over the examples."""
    supervised_rate: float = 2e-3
    """Learning rate (Adam) of supervised training."""
    supervised_batch: int = 128
    """Examples a step."""
    weight_decay: float = 1e-4
    """Decoupled weight decay, in both trainings."""

    rl_epochs: int = 6
    """Most epochs of reinforcement learning."""
    rl_scenarios: int = 256
    """Scenarios an epoch, drawn without repetition."""
    rl_batch: int = 32
    """Scenarios that are played between two updates."""
    group: int = 4
    """Conversations from copies of one start, ``G``."""
    lists: int = 16
    """Lists drawn in every state to learn from their rewards, ``M``; one other is answered."""
    rl_rate: float = 2e-3
    """Learning rate (Adam) of reinforcement learning in its first epoch."""
    rl_decay: bool = True
    """Whether that rate falls in equal steps, to nothing after the last epoch."""
    soften: float = 3.0
    """What the scores of the supervised policy are divided by before reinforcement learning: its
    likeliest answer stays as it is, and more others are tried."""
    updates: int = 4
    """Passes over what was played, each one step."""
    discount: float = 1.0
    """What a reward of the next turn counts beside one of this turn."""
    clip: float = 0.2
    """How far an importance ratio may help: ``1 - clip`` to ``1 + clip``."""

    patience: int = 5
    """Epochs without a better result on valid after which a training ends."""
    valid_plays: int = 1
    """Times that valid is played when choosing an epoch, each with other draws of the user's."""
    valid: int | None = None
    """Play only the first so many scenarios of valid when choosing an epoch."""

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigurationError: naming the setting.
        """
        if self.mode not in get_args(Mode):
            raise ConfigurationError(f"mode: expected one of {get_args(Mode)}, got {self.mode!r}")
        counts = ("supervised_epochs", "supervised_batch", "rl_epochs", "rl_scenarios", "rl_batch")
        for name in (*counts, "updates", "patience", "valid_plays"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name}: expected at least 1, got {getattr(self, name)}")
        for name in ("group", "lists"):
            if getattr(self, name) < 2:
                raise ConfigurationError(f"{name}: a mean needs two, got {getattr(self, name)}")
        if self.soften <= 0:
            raise ConfigurationError(f"soften: expected a positive number, got {self.soften}")
        if self.constructed < 0 or not 0 <= self.discount <= 1 or self.clip <= 0:
            raise ConfigurationError(
                "expected constructed from 0, discount from 0 to 1 and a positive clip; got "
                f"{self.constructed}, {self.discount} and {self.clip}"
            )


__all__ = ["Mode", "RankerConfig"]
