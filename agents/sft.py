"""Supervised fine-tuning of the recommender: the first of SMTPO's two stages (section 3.4.1).

An example is a triplet (Q, T, R): the prompt of one turn, a reasoning trajectory in five steps and
a ranked list (equation 13). A scenario gives one example of the first turn, and up to four of a
later one, in which the list before was constructed (H+, H-, S+, S-) and the environment's own user
and retriever answered it. A *teacher* writes T and R; unlike the recommender it may see the target.

``crsgym train sft --env Synthetic-v0 --model DIR --out DIR`` or ``python -m agents.sft``; a run
that was killed goes on when it is started again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from crsgym.actions import format_answer, parse_answer
from crsgym.data.lists import LIST_KINDS, ListKind, construct_list
from crsgym.data.preference import write_preference
from crsgym.errors import ConfigurationError
from crsgym.finetune import FinetuneResult, FinetuneSettings, finetune
from crsgym.protocols import Message
from crsgym.seeding import derive_seed
from crsgym.task import Task
from crsgym.types import Scenario, State, Turn, to_json
from crsgym.world import World

from .compact import PROMPTS
from .form import FormTeacher
from .llm import LLMAgent, write_agent
from .settings import TaskSettings, leave, parse
from .teachers import ChatTeacher, Teacher, TemplateTeacher

_BATCH = 256


@dataclass(frozen=True)
class Example:
    """One turn to learn from, with where it comes from; one line of JSONL."""

    scenario: str
    """Id of the scenario."""
    dialogue: str
    """Id of its dialogue, the unit of a bootstrap."""
    list_kind: str
    """``H+``, ``H-``, ``S+`` or ``S-``: the list of the turn before; empty at the first turn."""
    messages: tuple[Message, ...]
    """The prompt, and the answer to learn as the last message."""


@dataclass(frozen=True)
class Examples:
    """What was made, and what was not."""

    examples: tuple[Example, ...]
    left_out: int
    """States that the teacher had no usable answer to."""


def make_examples(
    task: Task,
    *,
    teacher: Teacher,
    lists: int = 4,
    prompt: str = "protocol",
    seed: int = 0,
) -> Examples:
    """Examples of every scenario of a task: equal arguments give equal examples.

    Args:
        task: the environment; its split should be train.
        teacher: writes the answers.
        lists: how many of the four kinds of list a scenario gives, in turn when fewer than four.
        prompt: name of a prompt (:data:`agents.compact.PROMPTS`).
        seed: draws lists and the user's words.

    Raises:
        ConfigurationError: a number out of range, or an unknown prompt.
    """
    if not 0 <= lists <= len(LIST_KINDS):
        raise ConfigurationError(f"lists: expected 0 to {len(LIST_KINDS)}; got {lists}")
    write = PROMPTS.load(prompt)
    world, made, left_out = task.world, [], 0
    for start in range(0, len(task.scenarios), _BATCH):
        part = task.scenarios[start : start + _BATCH]
        first = world.start(part, seed=seed)
        kinds: list[str] = [""] * len(first)
        states = list(first)
        for place in range(lists):
            chosen = [
                LIST_KINDS[((start + number) * lists + place) % len(LIST_KINDS)]
                for number in range(len(part))
            ]
            states += _later(task, first, chosen, seed)
            kinds += chosen
        observations = world.observe(states)
        for state, kind, observation, answer in zip(
            states, kinds, observations, teacher.teach(states), strict=True
        ):
            if answer is None:
                left_out += 1
                continue
            messages = write(observation, list_length=world.list_length)
            made.append(_example(state.scenario, kind, messages, answer))
    return Examples(tuple(made), left_out)


def write_examples(examples: Iterable[Example], path: str | Path) -> Path:
    """Write examples as JSONL, one a line; the file is there in full or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        for example in examples:
            file.write(to_json(example) + b"\n")
    partial.replace(path)
    return path


def _later(
    task: Task, states: Sequence[State], kinds: Sequence[ListKind], seed: int
) -> list[State]:
    """The conversations one turn later, after a constructed list was shown and answered."""
    world = task.world
    shown = []
    for state, kind in zip(states, kinds, strict=True):
        items = construct_list(
            task.dataset.graph,
            state.goal.target,
            kind,
            seed=derive_seed(seed, state.scenario.id, kind),
            length=world.list_length,
            exclude=state.context.mentioned,
        )
        # What a recommender inferred that put this list's first item first.
        wish = write_preference(world.catalogue[items[0]], state.scenario.dialogue)
        text = format_answer([world.catalogue.titles[item] for item in items], preference=wish)
        answer = parse_answer(
            text, world.catalogue, candidates=items, list_length=world.list_length
        )
        turn = Turn("", items, text, answer)
        shown.append(replace(state.context, turns=(*state.context.turns, turn), feedback=""))
    user = world.simulator
    said = user.respond(
        shown,
        [derive_seed(seed, s.scenario.id, "user", k) for s, k in zip(states, kinds, strict=True)],
        [state.goal for state in states] if user.target_aware else None,
    )
    contexts = [replace(context, feedback=text) for context, text in zip(shown, said, strict=True)]
    offers = world.retriever.retrieve(contexts, world.num_candidates)
    return [
        replace(state, context=context, candidates=tuple(int(item) for item in offer))
        for state, context, offer in zip(states, contexts, offers, strict=True)
    ]


def _example(scenario: Scenario, kind: str, messages: Sequence[Message], answer: str) -> Example:
    learnt: Message = {"role": "assistant", "content": answer}
    return Example(scenario.id, scenario.dialogue_id, kind, (*messages, learnt))


@dataclass(frozen=True)
class SFTSettings(TaskSettings):
    """Teach a language model the recommender's task on the train split.

    The defaults of the training are SMTPO's for its recommender.
    """

    model: str = ""
    """Folder or hub name of a causal language model with a chat template."""
    out: str = ""
    """Folder for examples, checkpoints, the adapter and the agent."""
    teacher: str = "template"
    """Who writes the answers: template, template-explained, form (lists drawn by chance; sees no
    target), or a chat model as engine:model."""
    teacher_options: dict[str, Any] | None = None
    """Options of the chat model's engine, as JSON."""
    lists: int = 4
    """Later turns that a scenario gives, with lists of four kinds; 0 for first turns only."""
    limit: int | None = None
    """Only the first so many train scenarios."""
    valid_limit: int = 100
    """Valid scenarios to report the loss on after every epoch; 0 for none."""
    epochs: float = 8
    """Passes over the examples."""
    learning_rate: float = 5e-5
    """Of AdamW."""
    lora_rank: int = 8
    """Rank of the LoRA adapter; 0 trains all the weights."""
    lora_alpha: int = 16
    """LoRA's scale is alpha / rank."""
    batch_size: int = 8
    """Examples a step."""
    gradient_accumulation: int = 1
    """Batches a step of the optimiser."""
    warmup_ratio: float = 0.03
    """Share of the steps in which the learning rate rises."""
    schedule: str = "cosine"
    """Of the learning rate, by transformers' names."""
    max_length: int = 2048
    """Tokens of an example; longer ones are left out, and counted."""
    gradient_checkpointing: bool = True
    """Saves memory for time."""
    max_tokens: int = 1024
    """Tokens that the agent may write in an answer."""
    seed: int = 0
    """Of lists, users and training."""


def make_teacher(settings: SFTSettings, world: World) -> Teacher:
    """The teacher that the settings name.

    Raises:
        ConfigurationError: when there is none of that name.
    """
    if settings.teacher == "form":
        return FormTeacher(world, seed=settings.seed)
    if settings.teacher in ("template", "template-explained"):
        return TemplateTeacher(world, explain=settings.teacher == "template-explained")
    if ":" not in settings.teacher:
        raise ConfigurationError(
            "teacher: expected form, template, template-explained or a chat model as engine:model; "
            f"got {settings.teacher!r}"
        )
    from crsgym import chat

    model = chat.build(
        settings.teacher, settings.teacher_options, cache=Path(settings.out) / "teacher.sqlite"
    )
    return ChatTeacher(world, model, seed=settings.seed)


def train(settings: SFTSettings, *, progress: bool = True) -> FinetuneResult:
    """Make the examples, train on them, and write the agent to ``out/agent.json``.

    Raises:
        ConfigurationError: a setting that cannot work, or a folder of another run.
    """
    for name in ("model", "out"):
        if not getattr(settings, name):
            raise ConfigurationError(f"{name}: expected a folder; see --help")
    out = Path(settings.out)
    parts: Mapping[str, Examples] = {
        split: _split(settings, split, limit)
        for split, limit in (("train", settings.limit), ("valid", settings.valid_limit))
        if limit != 0
    }
    for split, part in parts.items():
        write_examples(part.examples, out / f"{split}.jsonl")
        if part.left_out:
            print(  # noqa: T201
                f"{split}: no usable answer of the teacher to {part.left_out} states, left out",
                file=sys.stderr,
            )
    result = finetune(
        settings.model,
        [example.messages for example in parts["train"].examples],
        out / "adapter",
        settings=_finetuning(settings),
        valid=[e.messages for e in parts["valid"].examples] if "valid" in parts else (),
        progress=progress,
    )
    base = settings.model if settings.lora_rank else str(result.path)
    write_agent(
        out,
        LLMAgent,
        model=f"transformers:{base}",
        adapter=str(result.path) if settings.lora_rank else None,
        prompt=settings.prompt,
        max_tokens=settings.max_tokens,
    )
    return result


def _split(settings: SFTSettings, split: str, limit: int | None) -> Examples:
    task = settings.task(split, limit=limit)
    return make_examples(
        task,
        teacher=make_teacher(settings, task.world),
        lists=settings.lists,
        prompt=settings.prompt,
        seed=settings.seed,
    )


def _finetuning(settings: SFTSettings) -> FinetuneSettings:
    return FinetuneSettings(
        lora_rank=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        learning_rate=settings.learning_rate,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        gradient_accumulation=settings.gradient_accumulation,
        warmup_ratio=settings.warmup_ratio,
        schedule=settings.schedule,
        max_length=settings.max_length,
        gradient_checkpointing=settings.gradient_checkpointing,
        seed=settings.seed,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    result = train(parse(SFTSettings, "crsgym train sft", argv))
    print(result.path)  # noqa: T201
    return 0


if __name__ == "__main__":
    leave(main)

__all__ = [
    "Example",
    "Examples",
    "SFTSettings",
    "main",
    "make_examples",
    "make_teacher",
    "train",
    "write_examples",
]
