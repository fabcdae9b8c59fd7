"""Examples to train a user on: feedback, attribute alignment, target prediction.

The three tasks of SMTPO, section 3.2, over constructed lists (:mod:`crsgym.data.lists`). The
feedback to learn comes from a teacher that sees the goal: any target-aware user, ``attributes``
(templates, no model) or ``llm-attributes`` (any chat model). Everything is drawn from a seed and
the scenario's id, so equal arguments write equal files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import msgspec

from crsgym.data.dataset import Dataset
from crsgym.data.kinds import named, other_kinds, told_values
from crsgym.data.lists import LIST_KINDS, ListKind, construct_list
from crsgym.errors import ConfigurationError, DataError
from crsgym.prompts import user_messages
from crsgym.protocols import Message, Simulator
from crsgym.seeding import derive_seed
from crsgym.simulators.reader import KINDS
from crsgym.types import Context, Item, Recommendation, Scenario, Turn, from_json, to_json

TaskName = Literal["feedback", "attributes", "target"]
TASKS: tuple[TaskName, ...] = get_args(TaskName)
_TEACHER_BATCH = 256


@dataclass(frozen=True)
class Example:
    """One conversation to learn from, with where it comes from; one line of JSONL."""

    task: TaskName
    scenario: str
    """Id of the scenario."""
    dialogue: str
    """Id of its dialogue, the unit of a bootstrap."""
    list_kind: str
    """``H+``, ``H-``, ``S+`` or ``S-``: the list to judge, or the one the offer was taken from."""
    messages: tuple[Message, ...]
    """Chat messages; the last is the answer to learn."""

    @property
    def prompt(self) -> tuple[Message, ...]:
        """What the user is asked."""
        return self.messages[:-1]

    @property
    def answer(self) -> str:
        """What it should say."""
        return self.messages[-1]["content"]


def make_examples(
    dataset: Dataset,
    split: str,
    *,
    teacher: Simulator | None,
    tasks: Sequence[TaskName] = TASKS,
    lists: int = 4,
    limit: int | None = None,
    list_length: int = 10,
    seed: int = 0,
) -> list[Example]:
    """Examples of the tasks, scenario by scenario.

    A scenario gives ``lists`` examples of feedback, one of attribute alignment, and two of target
    prediction: the target, and an item from one of the lists that is not.

    Args:
        dataset: where the scenarios come from.
        split: of the data set.
        teacher: a target-aware user; may be None when feedback is not among the tasks.
        tasks: which of the three.
        lists: how many of the four kinds of list a scenario gives, in turn when fewer than four.
        limit: only the first so many scenarios.
        list_length: entries of a list.
        seed: draws lists, offers and the teacher's words.

    Raises:
        ConfigurationError: an unknown task, a teacher that does not see the goal, or a number out
            of range.
    """
    for task in tasks:
        if task not in TASKS:
            raise ConfigurationError(f"a task is one of {', '.join(TASKS)}; got {task!r}")
    if not 1 <= lists <= len(LIST_KINDS):
        raise ConfigurationError(f"lists: expected 1 to {len(LIST_KINDS)}; got {lists}")
    scenarios = dataset.scenarios(split)[:limit]
    parts: dict[TaskName, list[Example]] = {}
    if "feedback" in tasks:
        if teacher is None or not teacher.target_aware:
            raise ConfigurationError(
                "the teacher of feedback must see the goal: 'attributes', 'llm-attributes', or any "
                f"user with target_aware = True; got {teacher!r}"
            )
        parts["feedback"] = _feedback(dataset, scenarios, teacher, lists, list_length, seed)
    if "attributes" in tasks:
        kinds = other_kinds(dataset.catalogue)
        parts["attributes"] = [_alignment(dataset, scenario, kinds) for scenario in scenarios]
    if "target" in tasks:
        parts["target"] = [
            example
            for number, scenario in enumerate(scenarios)
            for example in _offers(dataset, scenario, number, list_length, seed)
        ]
    return [example for task in TASKS for example in parts.get(task, ())]


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


def read_examples(path: str | Path) -> list[Example]:
    """Read what :func:`write_examples` wrote.

    Raises:
        DataError: a line that is no example; says which and why.
    """
    examples = []
    with Path(path).open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                examples.append(from_json(line, Example))
            except msgspec.DecodeError as error:
                raise DataError(f"{path}, line {number} is no training example: {error}") from error
    return examples


def alignment_answer(item: Item) -> str:
    """The answer to attribute alignment: the title and the attributes, one kind a line."""
    lines = [f"Title: {item.title}"]
    for kind in (*KINDS, *other_kinds([item])):
        values = told_values(item, kind)[:3]
        if values:
            lines.append(f"{named(kind).capitalize()}: {', '.join(values)}")
    return "\n".join(lines)


def shown_list(scenario: Scenario, items: Sequence[int]) -> Context:
    """The conversation after a turn in which ``items`` were recommended."""
    turn = Turn("", tuple(items), "", Recommendation(slots=tuple(items)))
    return Context(scenario.dialogue, (turn,))


def _feedback(
    dataset: Dataset,
    scenarios: Sequence[Scenario],
    teacher: Simulator,
    lists: int,
    length: int,
    seed: int,
) -> list[Example]:
    asked: list[tuple[Scenario, ListKind, Context]] = []
    for number, scenario in enumerate(scenarios):
        for place in range(lists):
            kind = LIST_KINDS[(number * lists + place) % len(LIST_KINDS)]
            items = _list(dataset, scenario, kind, length, seed)
            asked.append((scenario, kind, shown_list(scenario, items)))
    examples = []
    for start in range(0, len(asked), _TEACHER_BATCH):
        part = asked[start : start + _TEACHER_BATCH]
        said = teacher.respond(
            [context for _, _, context in part],
            [derive_seed(seed, scenario.id, "teacher", kind) for scenario, kind, _ in part],
            [scenario.goal for scenario, _, _ in part],
        )
        for (scenario, kind, context), text in zip(part, said, strict=True):
            messages = user_messages(
                "feedback",
                scenario.dialogue,
                [dataset.catalogue[item] for item in context.mentioned],
                listed=[dataset.catalogue[item] for item in context.last_list],
            )
            examples.append(_example("feedback", scenario, kind, messages, text))
    return examples


def _alignment(dataset: Dataset, scenario: Scenario, kinds: Sequence[str]) -> Example:
    target = dataset.catalogue[scenario.goal.target]
    messages = user_messages(
        "attributes", scenario.dialogue, _mentioned(dataset, scenario), kinds=kinds
    )
    return _example("attributes", scenario, "", messages, alignment_answer(target))


def _offers(
    dataset: Dataset, scenario: Scenario, number: int, length: int, seed: int
) -> list[Example]:
    """The target, and an item of one of the lists that is not: as many Yes as No."""
    kind = LIST_KINDS[number % len(LIST_KINDS)]
    target = scenario.goal.target
    others = [i for i in _list(dataset, scenario, kind, length, seed) if i != target]
    other = others[derive_seed(seed, scenario.id, "offer") % len(others)]
    with_target: ListKind = "H+" if kind.startswith("H") else "S+"
    examples = []
    for item, label, origin in ((target, "Yes", with_target), (other, "No", kind)):
        messages = user_messages(
            "target",
            scenario.dialogue,
            _mentioned(dataset, scenario),
            offer=dataset.catalogue[item],
        )
        examples.append(_example("target", scenario, origin, messages, label))
    return examples


def _list(
    dataset: Dataset, scenario: Scenario, kind: ListKind, length: int, seed: int
) -> tuple[int, ...]:
    return construct_list(
        dataset.graph,
        scenario.goal.target,
        kind,
        seed=derive_seed(seed, scenario.id, kind),
        length=length,
        exclude=Context(scenario.dialogue).mentioned,
    )


def _mentioned(dataset: Dataset, scenario: Scenario) -> list[Item]:
    return [dataset.catalogue[item] for item in Context(scenario.dialogue).mentioned]


def _example(
    task: TaskName, scenario: Scenario, kind: str, messages: Sequence[Message], answer: str
) -> Example:
    learnt: Message = {"role": "assistant", "content": answer}
    return Example(task, scenario.id, scenario.dialogue_id, kind, (*messages, learnt))


__all__ = [
    "TASKS",
    "Example",
    "TaskName",
    "alignment_answer",
    "make_examples",
    "read_examples",
    "shown_list",
    "write_examples",
]
