"""The settings of the dual-view retriever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from crsgym.errors import ConfigurationError
from crsgym.retrieval.settings import read_settings

Attention = Literal["set", "pooled"]
View = Literal["both", "text", "graph"]
Backend = Literal["torch", "dgl"]


@dataclass(frozen=True)
class GraphConfig:
    """How the graph encoder is pretrained."""

    dim: int = 128
    """Length of an embedding, ``Dim_c``."""
    layers: int = 2
    """Steps of propagation."""
    epochs: int = 60
    """Passes over the edges."""
    batch_size: int = 2048
    """Edges in one step."""
    learning_rate: float = 0.01
    """Of Adam."""
    decay: float = 1e-4
    """Weight of the squared length of the embeddings in a step, as in LightGCN."""
    backend: Backend = "torch"
    """Who propagates: PyTorch's sparse product, or DGL 1.1.3."""


@dataclass(frozen=True)
class TrainConfig:
    """How the fusion is trained.

    The paper says Adam with a learning rate of 5e-5, up to 50 epochs, and equation 12 without a
    temperature. With a catalogue's worth of random negatives and vectors of length about 1 that
    hardly moves; the defaults are what was best on the valid split of INSPIRED.
    """

    epochs: int = 50
    """Passes over the training conversations, at most."""
    patience: int = 8
    """Epochs without a better valid R@20 after which training stops."""
    batch_size: int = 64
    """Conversations in one step."""
    learning_rate: float = 3e-4
    """Of Adam; 5e-5 in the paper."""
    negatives: int = 128
    """``N`` of equation 12: random items that are not the target and not mentioned."""
    temperature: float = 0.05
    """Divides the scores in the loss; 1 in the paper."""

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigurationError: naming the setting.
        """
        for name in ("epochs", "patience", "batch_size", "negatives"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if self.learning_rate <= 0 or self.temperature <= 0:
            raise ConfigurationError(
                "learning_rate and temperature: expected positive numbers, got "
                f"{self.learning_rate} and {self.temperature}"
            )


@dataclass(frozen=True)
class DualViewConfig:
    """What the dual-view retriever is and how it is trained."""

    attention: Attention = "set"
    """The reading of equation 10; see :mod:`crsgym.retrieval.fusion`. With ``"pooled"``, the
    literal one, dialogue, feedback and preference are encoded as one text, as equation 7 says."""
    view: View = "both"
    """``"text"`` or ``"graph"`` leaves the other view out, for comparison."""
    lists: int = 1
    """Constructed lists for each training scenario, besides its first turn without any."""
    graph: GraphConfig = field(default_factory=GraphConfig)
    """The graph encoder."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """The fusion."""

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigurationError: naming the setting.
        """
        if self.attention not in get_args(Attention) or self.view not in get_args(View):
            raise ConfigurationError(
                f"attention and view: expected one of {get_args(Attention)} and one of "
                f"{get_args(View)}, got {self.attention!r} and {self.view!r}"
            )
        if self.lists < 0:
            raise ConfigurationError(f"lists: expected a number from 0, got {self.lists}")

    @classmethod
    def read(cls, settings: DualViewConfig | Mapping[str, Any] | None) -> DualViewConfig:
        """A configuration from what a user gave: one, some settings by name, or nothing.

        Raises:
            ConfigurationError: on an unknown setting, or one of the wrong type.
        """
        return read_settings("the dual view", cls, settings)


__all__ = ["Attention", "Backend", "DualViewConfig", "GraphConfig", "TrainConfig", "View"]
