"""How a language model is trained by GRPO: its settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from crsgym.errors import ConfigurationError

from .loss import Normalisation
from .rows import CREDITS
from .settings import TaskSettings

CURRICULA = ("none", "turns", "difficulty")
FREE = frozenset(
    "out steps save_every keep sample_every tensorboard rows_per_pass "
    "gradient_checkpointing".split()
)
"""What may change when a run goes on."""


@dataclass(frozen=True)
class GRPOSettings(TaskSettings):
    """Train a language model on an environment by multi-turn GRPO."""

    model: str = ""
    """Folder or hub name of the model, as the supervised stage left it."""
    adapter: str | None = None
    """LoRA adapter of the supervised stage, to be merged into the model first."""
    out: str = ""
    """Folder of the run: log, samples, checkpoints, the trained adapter and the agent."""
    seed: int = 0
    """Of the adapter, the order of scenarios, the answers and the users."""

    steps: int = 300
    """Steps of the training: groups are drawn once a step."""
    scenarios: int = 16
    """Scenarios a step."""
    group_size: int = 4
    """Answers, or conversations, that are compared with each other, G."""
    success: str = "hit"
    """What ends a conversation: hit, top1 or never."""
    train_limit: int | None = None
    """Only the first so many train scenarios."""
    curriculum: str = "none"
    """none; turns: conversations grow from one turn to all; difficulty: scenarios whose target the
    retriever ranks high come first."""
    curriculum_steps: int = 100
    """Steps until a curriculum has reached the whole task."""

    credit: str = "return-to-go"
    """What an answer is credited with: branch (its reward, against others to the same state), turn
    (its reward, against the same turn of the group's other conversations), trajectory (the whole
    return), return-to-go (what came from its turn on), rloo (the whole return, against the mean of
    the others), reinforce (the return to go, against the mean of the batch)."""
    rank_level: bool = False
    """Credit each title of a list by the gain at and below its place (Rank-GRPO); the other tokens
    are credited as above."""
    discount: float = 1.0
    """What a reward of the next turn counts beside one of this turn, in return-to-go and
    reinforce."""
    scale_advantages: bool = True
    """Divide by the standard deviation of the group, as GRPO does and Dr. GRPO does not."""
    drop_zero_variance: bool = True
    """Leave out groups whose answers all earned the same."""

    normalisation: Normalisation = "dapo"
    """How tokens add up to a loss: grpo (mean of each answer), dapo (mean of all tokens) or dr_grpo
    (sum over a constant)."""
    clip_low: float = 0.2
    """The ratio counts down to 1 - clip_low."""
    clip_high: float = 0.28
    """The ratio counts up to 1 + clip_high; more than clip_low leaves room to explore."""
    kl: float = 0.0
    """Weight of the divergence from the model as training began."""
    importance_cap: float = 2.0
    """Largest weight that corrects the sampler's probabilities to the trainer's; 0 for none."""
    inner_epochs: int = 1
    """Passes over what was played."""
    minibatches: int = 1
    """Updates a pass."""
    rows_per_pass: int = 32
    """Answers in one forward and backward pass; their gradients are accumulated."""
    learning_rate: float = 1e-5
    """Of AdamW."""
    warmup_steps: int = 5
    """Steps in which the learning rate rises."""
    weight_decay: float = 0.0
    """Of AdamW."""
    max_grad_norm: float = 1.0
    """Longer gradients are shortened to this."""
    lora_rank: int = 16
    """Rank of the adapter."""
    lora_alpha: int = 32
    """LoRA's scale is alpha / rank."""
    bf16: bool = False
    """Base weights and arithmetic in bfloat16; the adapter stays in float32."""
    gradient_checkpointing: bool = False
    """Saves memory for time."""

    sampler: str = "transformers"
    """Draws the answers: transformers, vllm (in this process) or server (vLLM over HTTP)."""
    sampler_options: dict[str, Any] = field(default_factory=dict)
    """Options of the sampler's engine, as JSON."""
    temperature: float = 1.0
    """Of the answers that are trained on."""
    max_tokens: int = 1024
    """Longest answer."""
    max_prompt: int = 4096
    """Longest prompt in tokens; a longer one stops the run."""

    eval_every: int = 25
    """Steps between evaluations on valid; 0 for none."""
    eval_limit: int | None = 100
    """Only the first so many valid scenarios."""
    patience: int = 0
    """Evaluations without a better return after which training ends; 0 goes on."""
    save_every: int = 25
    """Steps between checkpoints."""
    keep: int = 2
    """Checkpoints that are kept."""
    sample_every: int = 25
    """Steps between transcripts in `samples/`; 0 for none."""
    tensorboard: bool = True
    """Whether TensorBoard's events are written beside `log.jsonl`."""

    def __post_init__(self) -> None:
        """Refuse what cannot work before anything is loaded.

        Raises:
            ConfigurationError: naming the setting, what it may be and what it is.
        """
        for name in ("model", "out"):
            if not getattr(self, name):
                raise ConfigurationError(f"{name}: expected a folder; see --help")
        for name, known in (("credit", CREDITS), ("curriculum", CURRICULA)):
            if getattr(self, name) not in known:
                raise ConfigurationError(
                    f"{name}: expected one of {', '.join(known)}; got {getattr(self, name)!r}"
                )
        for name in (
            *("steps", "scenarios", "inner_epochs", "minibatches", "rows_per_pass", "lora_rank"),
            *("max_tokens", "max_prompt", "save_every", "keep", "curriculum_steps"),
        ):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name}: expected at least 1; got {getattr(self, name)}")
        least = 1 if self.credit == "reinforce" and not self.rank_level else 2
        if self.group_size < least:
            raise ConfigurationError(
                f"group_size: expected at least {least} with credit {self.credit!r}; got "
                f"{self.group_size}"
            )
        for name in ("learning_rate", "temperature", "max_grad_norm"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"{name}: expected more than 0; got {getattr(self, name)}")
        if not 0 <= self.discount <= 1 or not 0 < self.clip_low < 1 or self.clip_high <= 0:
            raise ConfigurationError(
                "expected 0 <= discount <= 1, 0 < clip_low < 1 and clip_high > 0; got "
                f"{self.discount}, {self.clip_low} and {self.clip_high}"
            )


__all__ = ["CURRICULA", "FREE", "GRPOSettings"]
