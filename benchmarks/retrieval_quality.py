"""How good each retriever is at the first turn, by stratum, with intervals.

    CRSGYM_DATA=DIR python benchmarks/retrieval_quality.py inspired
    CRSGYM_DATA=DIR python benchmarks/retrieval_quality.py opendialkg --split valid
    CRSGYM_DATA=DIR python benchmarks/retrieval_quality.py opendialkg --split valid --from inspired

Every row ranks the whole catalogue. Learned rows are the mean over seeds; the interval is the 95%
one of a bootstrap over dialogues of that mean, and ± is the spread of the seeds.
Retrievers are fitted on the train split; options were chosen on INSPIRED's valid split.

OpenDialKG's split was drawn by record, so a valid conversation can have records in train: what a
training conversation says is left out for a scenario of the same conversation (``left out`` rows).

With ``--from``, weights learned on that data set are used as they are: the statistics behind the
features come from its dialogues too, with its items mapped to the catalogue by title.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from crsgym.data import Dataset, load
from crsgym.evaluation.bootstrap import Bootstrap, interval
from crsgym.evaluation.strata import stratify
from crsgym.retrieval import build
from crsgym.retrieval.corpus import item_texts
from crsgym.retrieval.counts import Counts, conversations
from crsgym.retrieval.features import DialogueFeatures
from crsgym.retrieval.hybrid import named_encoder
from crsgym.retrieval.hybrid_training import HybridTraining
from crsgym.retrieval.likeness import Likeness
from crsgym.retrieval.mentions import copies, mention_weights
from crsgym.retrieval.softmax import SoftmaxConfig
from crsgym.retrieval.views import VIEWS
from crsgym.text.tfidf import HashedTfidf
from crsgym.types import Context, FloatArray, IntArray, Scenario

Scores = Callable[[int], FloatArray]
"""From a seed to scores, float32 (scenarios, items)."""
Row = tuple[str, int, Callable[[], Scores]]
"""A name, over how many seeds, and what is fitted where the row is wanted; 0 seeds: there is no
chance in it."""

CUTOFFS = (1, 10, 20, 50)


def main() -> None:
    """Measure, and print a table in Markdown."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("dataset")
    options.add_argument("--split", default="test")
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--encoder", default="minilm", help="sentence encoder; 'none' for none")
    options.add_argument("--from", dest="source", help="data set that the weights are learned on")
    options.add_argument(
        "--dual-view", nargs="+", default=[], help="folders of trained dual-view retrievers"
    )
    options.add_argument(
        "--rows", nargs="+", default=[""], help="rows whose name holds one of these"
    )
    args = options.parse_args()
    dataset = load(args.dataset)
    scenarios = dataset.scenarios(args.split)
    encoders = ["tfidf"] + [args.encoder] * (args.encoder != "none")
    if args.source:
        rows = transferred(load(args.source), dataset, scenarios, encoders, args.seeds)
    else:
        rows = fitted(dataset, scenarios, encoders, args.dual_view, args.seeds)
    wanted = (row for row in rows if any(part in row[0] for part in args.rows))
    table(wanted, scenarios, dataset)


def fitted(
    dataset: Dataset,
    scenarios: Sequence[Scenario],
    encoders: Sequence[str],
    dual_views: Sequence[str],
    seeds: int,
) -> Iterator[Row]:
    """Retrievers fitted on the data set itself."""
    own = shared_conversations(dataset, scenarios)
    left_out = " (left out)" if (own >= 0).any() else ""
    yield from unlearned(dataset, scenarios, own, left_out, encoders)
    contexts = [Context(scenario.dialogue) for scenario in scenarios]

    def saved(*names: str) -> Scores:
        made = [build(name, dataset) for name in names]
        return lambda seed: made[seed].scores(contexts)

    yield "lexical", 0, partial(saved, "lexical")
    if dual_views:
        yield "dual-view", len(dual_views), partial(saved, *dual_views)
    for encoder in encoders:
        for unseen in (False, True):
            name = f"hybrid, {encoder}{', unseen' * unseen}{left_out}"
            yield name, seeds, partial(hybrid, dataset, scenarios, own, encoder, unseen)


def unlearned(
    dataset: Dataset,
    scenarios: Sequence[Scenario],
    own: IntArray,
    left_out: str,
    encoders: Sequence[str],
) -> Iterator[Row]:
    """What needs no training: popularity, copy, one text view, the graph alone."""
    dialogues = [scenario.dialogue for scenario in scenarios]
    size = len(dataset.catalogue)
    popularity = Counts.of(dataset).target_counts(own)
    recency = next(copies(dialogues, size))
    yield f"popularity{left_out}", 0, lambda: lambda seed: popularity
    yield f"copy, then popularity{left_out}", 0, lambda: lambda seed: popularity + 1e6 * recency
    texts, items = [VIEWS["last_six"](d) for d in dialogues], item_texts(dataset)

    def text_only(name: str) -> Scores:
        encoder = named_encoder(name) or HashedTfidf(1 << 15).fit(items)
        fit = encoder.encode(texts) @ encoder.encode(items).T
        return lambda seed: fit

    def graph_only() -> Scores:
        likeness = Likeness.of(dataset.catalogue, HashedTfidf(1 << 15).fit(items))
        _, graph, _ = likeness.to(mention_weights(dialogues, size))
        return lambda seed: graph

    for name in encoders:
        yield f"text only: {name}", 0, partial(text_only, name)
    yield "graph only: attributes of what was mentioned", 0, graph_only


def hybrid(
    dataset: Dataset, scenarios: Sequence[Scenario], own: IntArray, encoder: str, unseen: bool
) -> Scores:
    """Scores of a hybrid trained on the train split; its features do not depend on the seed."""
    features = DialogueFeatures.fit(dataset, encoder=named_encoder(encoder), unseen=unseen)
    training = HybridTraining(dataset, features, SoftmaxConfig(), None, lambda line: None)
    stacked = np.stack(list(features.rows([s.dialogue for s in scenarios], own)), axis=2)
    return lambda seed: stacked @ training.first_turn(seed)


def transferred(
    source: Dataset,
    target: Dataset,
    scenarios: Sequence[Scenario],
    encoders: Sequence[str],
    seeds: int,
) -> Iterator[Row]:
    """Hybrids whose weights, and all statistics, come from another data set."""
    mapped = onto(source, target)
    dialogues = [scenario.dialogue for scenario in scenarios]
    own = np.full(len(dialogues), -1, dtype=np.int64)
    yield from unlearned(mapped, scenarios, own, "", encoders)

    def carried(encoder: str) -> Scores:
        learned = HybridTraining(
            source,
            DialogueFeatures.fit(source, encoder=named_encoder(encoder)),
            SoftmaxConfig(),
            None,
            lambda line: None,
        )
        features = DialogueFeatures.fit(mapped, encoder=named_encoder(encoder))
        stacked = np.stack(list(features.rows(dialogues, own)), axis=2)
        return lambda seed: stacked @ learned.first_turn(seed)

    for encoder in encoders:
        yield f"hybrid, {encoder}, from {source.name}", seeds, partial(carried, encoder)


def onto(source: Dataset, target: Dataset) -> Dataset:
    """The training dialogues of one data set over the catalogue of another, by title."""
    index = {
        item: found
        for item, title in enumerate(source.catalogue.titles)
        if (found := target.catalogue.resolve(title).item) is not None
    }
    say(f"{len(index)} of {len(source.catalogue)} items of {source.name} are in {target.name}")
    dialogues = [
        replace(
            dialogue,
            utterances=tuple(
                replace(u, items=tuple(index[i] for i in u.items if i in index))
                for u in dialogue.utterances
            ),
        )
        for dialogue in source.dialogues("train")
    ]
    return Dataset(
        f"{source.name}-on-{target.name}",
        target.catalogue,
        {"train": dialogues},
        fingerprint=f"{source.fingerprint} {target.fingerprint}",
    )


def shared_conversations(dataset: Dataset, scenarios: Sequence[Scenario]) -> IntArray:
    """The training conversation that a scenario of another split was recorded in, or -1."""
    number = conversations(dataset) if dataset.name == "opendialkg" else {}
    names = [f"train-{scenario.dialogue_id.partition('-')[2]}" for scenario in scenarios]
    return np.array([number.get(name, -1) for name in names], dtype=np.int64)


def ranks(scores: FloatArray, targets: IntArray) -> IntArray:
    """Ranks of the targets from 1; among equals the lower index comes first."""
    at = scores[np.arange(len(targets)), targets][:, None]
    before = (scores == at) & (np.arange(scores.shape[1]) < targets[:, None])
    return 1 + (scores > at).sum(axis=1) + before.sum(axis=1)


def table(rows: Iterator[Row], scenarios: Sequence[Scenario], dataset: Dataset) -> None:
    """Print the strata one after another, in Markdown."""
    targets = np.array([scenario.goal.target for scenario in scenarios])
    strata = stratify(scenarios, dataset.target_counts())
    bootstrap = Bootstrap([scenario.dialogue_id for scenario in scenarios])
    lines: dict[str, list[str]] = {name: [] for name in strata}
    for name, seeds, fit in rows:
        scores = fit()
        found = np.stack([ranks(scores(seed), targets) for seed in range(max(1, seeds))])
        hits = np.stack([(found <= k).mean(axis=0) for k in CUTOFFS], axis=1)
        for stratum, mask in strata.items():
            low, high = interval(bootstrap.means(hits, mask))
            each = np.stack([(found[:, mask] <= k).mean(axis=1) for k in CUTOFFS], axis=1)
            cells = [
                f"{mean:.3f} [{a:.3f}, {b:.3f}]" + (f" ±{spread:.3f}" if seeds else "")
                for mean, a, b, spread in zip(
                    each.mean(axis=0), low, high, each.std(axis=0), strict=True
                )
            ]
            lines[stratum].append(f"| {name} | {' | '.join(cells)} |")
        say(f"{name}: {lines['all'][-1]}")
    for stratum, mask in strata.items():
        print(f"\n**{stratum}** (n = {int(mask.sum())})\n")
        print(f"| retriever | {' | '.join(f'R@{k}' for k in CUTOFFS)} |")
        print(f"| --- |{' --- |' * len(CUTOFFS)}")
        print("\n".join(lines[stratum]))


def say(line: str) -> None:
    """Progress, beside the table."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
