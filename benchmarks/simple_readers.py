"""How far simple rules come in the three tasks of a user: what there is to read at all.

    python benchmarks/simple_readers.py --dataset synthetic

Each rule looks at no more than the prompt, and at how often the answers of the train split name
what; a model that reads should come near the best of them.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Callable, Collection

import numpy as np

from crsgym import data, simulators
from crsgym.chat.scripted import ScriptedChatModel
from crsgym.evaluation.bootstrap import Bootstrap, interval
from crsgym.simulators.measures import measure
from crsgym.simulators.reader import AttributeReader
from crsgym.simulators.tasks import Example, make_examples
from crsgym.types import Attribute

_AGAINST = re.compile(r"n't\b|\bnot?\b|\bnever\b|\bhate\b|\banything but\b|\brather skip\b", re.I)


class Page:
    """What a prompt says: attributes that the seeker asks for, those of the list, the offer."""

    def __init__(self, example: Example, reader: AttributeReader) -> None:
        parts = example.messages[1]["content"].split("## ")[1:]
        sections = dict(part.split("\n", 1) for part in parts)
        self.conversation = sections["Conversation"].lower()
        wanted: set[Attribute] = set()
        unwanted: set[Attribute] = set()
        for line in sections["Conversation"].split("\n"):
            if line.startswith("Seeker: "):
                for sentence in re.split(r"(?<=[.!?]) ", line):
                    against = _AGAINST.search(sentence) and "disappoint" not in sentence
                    (unwanted if against else wanted).update(reader.read(sentence))
        self.wanted = wanted - unwanted
        self.listed = Counter(
            attribute
            for line in sections.get("List", "").split("\n")
            for attribute in reader.read(line.partition("[")[2])
        )
        offer = sections.get("Offer", "").strip()
        title = offer.removeprefix("- ").partition(" [")[0].rpartition(" (")[0].lower()
        self.offered = reader.read(offer.partition("[")[2])
        self.names_offer = bool(title) and title in self.conversation


Rule = Callable[[Page, Counter[Attribute]], Collection[Attribute] | bool]
"""An answer for a page; and for how often the answers of the train split name what."""

RULES: dict[str, dict[str, Rule]] = {
    "feedback": {
        "the two most frequent in answers": lambda page, usual: _top(usual, 2),
        "what is asked for": lambda page, usual: page.wanted,
        "what is asked for and in the list": lambda page, usual: page.wanted & set(page.listed),
        "the two most frequent in the list": lambda page, usual: _top(page.listed, 2),
    },
    "attributes": {
        "the eight most frequent in answers": lambda page, usual: _top(usual, 8),
        "what is asked for": lambda page, usual: page.wanted,
        "what is asked for, and the most frequent up to eight": lambda page, usual: (
            page.wanted
            | _top(usual - Counter(dict.fromkeys(page.wanted, 10**9)), 8 - len(page.wanted))
        ),
    },
    "target": {
        "whether it is named": lambda page, usual: page.names_offer,
        "whether it has anything asked for": lambda page, usual: bool(page.offered & page.wanted),
    },
}


def _top(counts: Counter[Attribute], number: int) -> set[Attribute]:
    return {attribute for attribute, _ in counts.most_common(max(number, 0))}


def told(answer: Collection[Attribute] | bool) -> str:
    """The answer as a user writes it."""
    if isinstance(answer, bool):
        return "Yes" if answer else "No"
    return "; ".join(sorted(value for _, value in answer))


def main() -> None:
    """Apply every rule to the valid split, and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--dataset", default="synthetic")
    options.add_argument("--list-length", type=int, default=10)
    args = options.parse_args()
    dataset = data.load(args.dataset)
    teacher = simulators.build("attributes", dataset)
    made = {"teacher": teacher, "list_length": args.list_length}
    reader = AttributeReader(dataset.catalogue)
    usual: dict[str, Counter[Attribute]] = {task: Counter() for task in RULES}
    for example in make_examples(dataset, "train", lists=1, **made):
        usual[example.task].update(reader.read(example.answer))
    valid = make_examples(dataset, "valid", lists=2, **made)
    for task, rules in RULES.items():
        asked = [example for example in valid if example.task == task]
        pages = [Page(example, reader) for example in asked]
        for name, rule in rules.items():
            answers = [told(rule(page, usual[task])) for page in pages]
            for which, scores in measure(ScriptedChatModel(answers), asked, reader).items():
                everyone = np.ones(len(asked), dtype=bool)
                means = Bootstrap(scores.dialogues).means(scores.values[:, None], everyone)
                low, high = interval(means)[:, 0]
                print(f"{which:19} {name:53} {scores.values.mean():.3f} [{low:.3f}, {high:.3f}]")


if __name__ == "__main__":
    main()
