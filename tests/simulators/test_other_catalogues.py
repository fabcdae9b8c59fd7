"""Users of catalogues that are no films, through the public API: recipes, and books."""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import crsgym
from crsgym import data, registry, retrieval, simulators
from crsgym.data import DATASETS, Dataset
from crsgym.prompts import described
from crsgym.protocols import Retriever
from crsgym.retrieval.hybrid import HybridRetriever
from crsgym.simulators import wording
from crsgym.simulators.audit import audit
from crsgym.simulators.leaks import find_title_leak
from crsgym.simulators.llm import told_attributes
from crsgym.simulators.reader import AttributeReader
from crsgym.simulators.tasks import make_examples
from crsgym.types import Context, Episode, Recommendation, Turn, Utterance

FILM_WORDS = re.compile(r"\b(?:films?|movies?|pictures?|cinema)\b", re.IGNORECASE)

SPICE = ("hot", "mild", "smoky", "tangy")
ORIGIN = ("Thai", "Goan", "Kenyan", "Basque", "Cajun")
INGREDIENTS = ("basil", "tofu", "okra", "lentils", "coconut milk", "tamarind")
FIRST = ("Copper", "Harvest", "Lantern", "Monsoon", "Market", "Cradle", "Ember", "Juniper")
SECOND = ("Bowl", "Pot", "Skillet", "Supper", "Platter", "Ladle", "Hearth", "Basket")
GENRES = ("romance", "horror", "fantasy", "poetry", "mystery novel")
AUTHORS = ("Ida Vogel", "Tom Abara", "Lin Castellan", "Petra Oduya", "Max Iversen", "Rhea Sand")
THEMES = ("exile", "friendship", "the sea", "inheritance", "first love")


def recipes(rng: random.Random) -> list[dict[str, Any]]:
    titles = [f"{a} {b}" for a in FIRST for b in SECOND]
    return [
        {
            "key": f"r{number}",
            "title": title,
            "attributes": {
                "spice": [rng.choice(SPICE)],
                "origin": [rng.choice(ORIGIN)],
                "ingredients": rng.sample(INGREDIENTS, 2),
                "servings": [rng.choice(("2", "4"))],
                "vegan": [rng.choice(("yes", "no"))],
                "photo": [f"https://example.org/{number}.jpg"],
            },
        }
        for number, title in enumerate(titles)
    ]


def books(rng: random.Random) -> list[dict[str, Any]]:
    titles = [f"The {a} and the {b}" for a in FIRST for b in SECOND]
    return [
        {
            "key": f"b{number}",
            "title": title,
            "year": rng.randrange(1850, 2020),
            "attributes": {
                "genre": [rng.choice(GENRES)],
                "author": [rng.choice(AUTHORS)],
                "themes": rng.sample(THEMES, 2),
            },
        }
        for number, title in enumerate(titles)
    ]


def dialogues(
    rng: random.Random, items: list[dict[str, Any]], kind: str, number: int
) -> list[dict[str, Any]]:
    """Each asks for one attribute of a kind, and is then shown an item that has it."""
    made = []
    for place in range(number):
        item = rng.choice(items)
        value = rng.choice(item["attributes"][kind]).removesuffix(" novel")
        asked = {"role": "seeker", "text": f"Hello! Something {value}, please."}
        shown = {"role": "recommender", "text": "Here you are.", "items": [item["key"]]}
        made.append({"id": f"d{place}", "utterances": [asked, shown]})
    return made


def write(folder: Path, items: list[dict[str, Any]], kind: str, **facts: str) -> Path:
    rng = random.Random(5)
    folder.mkdir()
    records = {"items": items, "train": dialogues(rng, items, kind, 80)}
    records["test"] = dialogues(rng, items, kind, 60)
    for name, lines in records.items():
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    if facts:
        (folder / "facts.json").write_text(json.dumps(facts))
    return folder


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Dataset]]:
    """Recipes, called so by the argument; books by their facts; the same books without a noun."""
    here = tmp_path_factory.mktemp("catalogues")
    recipe_folder = write(here / "recipes", recipes(random.Random(1)), "spice")
    book_folder = write(here / "books", books(random.Random(2)), "genre", item="novel")
    plain_folder = write(here / "plain", books(random.Random(2)), "genre")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DATASETS, "_entries", dict(DATASETS._entries))
        patch.setattr(data, "_loaded", dict(data._loaded))
        patch.setattr(registry, "_ENTRIES", dict(registry._ENTRIES))
        found = {
            "recipes": crsgym.register_dataset("own-recipes", recipe_folder, item="recipe"),
            "books": crsgym.register_dataset("own-books", book_folder),
            "plain": crsgym.register_dataset("own-plain", plain_folder),
        }
        for dataset in found.values():
            crsgym.register_env(f"{dataset.name}-v0", dataset.name)
        yield found
        for dataset in found.values():
            gymnasium.registry.pop(f"{registry.NAMESPACE}/{dataset.name}-v0")


class Listing:
    """Lists the candidates in order, or a random part of the catalogue."""

    def __init__(self, titles: tuple[str, ...] = ()) -> None:
        self._titles = titles
        self._rng = random.Random(7)

    def act(self, observations: list[Any]) -> list[str]:
        return [
            crsgym.format_answer(
                self._rng.sample(self._titles, 10) if self._titles else o["candidates"][:10]
            )
            for o in observations
        ]


def played(dataset: Dataset, simulator: str, *, at_random: bool = False) -> list[Episode]:
    task = crsgym.make_task(
        f"{dataset.name}-v0",
        split="test",
        simulator=simulator,
        success="never",
        retriever="lexical",
    )
    agent = Listing(dataset.catalogue.titles if at_random else ())
    return crsgym.rollout(agent, task, progress=False)


def remarks(episodes: list[Episode]) -> list[tuple[Episode, str]]:
    return [(e, step.turn.feedback) for e in episodes for step in e.steps[1:]]


CATALOGUES = pytest.mark.parametrize("name", ["recipes", "books", "plain"])
USERS = pytest.mark.parametrize("simulator", ["rules", "attributes"])


@CATALOGUES
@USERS
def test_remarks_tell_attributes_of_the_list_and_nothing_of_films(
    registered: dict[str, Dataset], name: str, simulator: str
) -> None:
    dataset = registered[name]
    values = {a.value.lower() for item in dataset.catalogue for a in item.attributes}
    values |= {"servings", "vegan"}
    telling = 0
    said = remarks(played(dataset, simulator, at_random=True))
    assert len(said) == 60 * 4
    for _, text in said:
        assert not FILM_WORDS.search(text), text
        assert "https" not in text
        telling += any(value in text.lower() for value in values)
    # The mystery novels of the books whose facts call nothing a novel are not recognised.
    assert telling >= (0.8 if name == "plain" else 0.95) * len(said)
    assert len({text for _, text in said}) > 0.8 * len(said)


@USERS
def test_items_are_called_what_the_data_set_says(
    registered: dict[str, Dataset], simulator: str
) -> None:
    for name, noun in (("recipes", "recipe"), ("books", "novel")):
        texts = [text for _, text in remarks(played(registered[name], simulator, at_random=True))]
        assert sum(noun in text for text in texts) > 0.3 * len(texts)
        assert not any(f"{noun} {noun}" in text for text in texts)


def test_praise_is_true_of_the_list(registered: dict[str, Dataset]) -> None:
    """``rules`` never says that something fits where nothing of the list has it."""
    catalogue = registered["recipes"].catalogue
    praised = 0
    for episode in played(registered["recipes"], "rules", at_random=True):
        asked = episode.scenario.dialogue[0].text.split()[2].strip(",")
        for step, following in pairwise(episode.steps):
            has = [asked in catalogue[i].values("spice") for i in step.turn.recommendation.items]
            none_fits = following.turn.feedback.startswith(wording.NONE_FITS)
            assert none_fits == (not any(has)), following.turn.feedback
            praised += not none_fits
    assert praised > 100


@CATALOGUES
def test_the_target_is_never_named(registered: dict[str, Dataset], name: str) -> None:
    dataset = registered[name]
    episodes = played(dataset, "attributes")
    for episode, text in remarks(episodes):
        assert find_title_leak(text, dataset.catalogue[episode.scenario.goal.target]) is None
    report = audit(episodes, dataset.catalogue, simulators.build("attributes", dataset))
    assert report["passed"]
    kind = "spice" if name == "recipes" else "author"
    assert report["attributes"][kind]["asked"] > 0
    assert report["attributes"][kind]["precision"] == 1.0


@CATALOGUES
def test_the_retriever_gains_by_what_the_told_user_says(
    registered: dict[str, Dataset], name: str
) -> None:
    task = crsgym.make_task(
        f"own-{name}-v0", split="test", simulator="attributes", retriever="lexical"
    )
    report = crsgym.evaluate("retriever", task, turns=5, replicates=200, progress=False)
    turns = report.to_dict()["agents"]["retriever"]["turns"]
    first, last = (turns[t]["strata"]["all"] for t in (0, -1))
    assert last["recall@10"] > first["recall@10"] + 0.1
    assert last["ci95"]["recall@10"][0] > first["recall@10"]


@cache
def fitted(name: str, dataset: Dataset) -> Retriever:
    if name != "hybrid":
        return retrieval.build(name, dataset)
    users = [simulators.build(user, dataset) for user in ("rules", "attributes")]
    return HybridRetriever.fit(dataset, simulators=users)


@pytest.mark.parametrize("retriever", ["lexical", "content", "hybrid"])
@pytest.mark.parametrize(
    ("remark", "kind", "value"),
    [
        ("I'd prefer something whose spice is smoky.", "spice", "smoky"),
        ("How about a recipe with Goan as its origin?", "origin", "Goan"),
        (
            "I have a recipe that has coconut milk among its ingredients in mind.",
            "ingredients",
            "coconut milk",
        ),
        ("Next I'd like to see something with 2 servings.", "servings", "2"),
        ("Do you have a recipe that counts as vegan?", "vegan", "yes"),
    ],
)
def test_retrievers_read_a_remark_on_any_kind(
    registered: dict[str, Dataset], retriever: str, remark: str, kind: str, value: str
) -> None:
    dataset = registered["recipes"]
    built = fitted(retriever, dataset)
    plain = Context((Utterance("seeker", "Hello! What can you cook?"),))
    told = replace(plain, turns=(Turn("", (), "", Recommendation()),), feedback=remark)
    has = np.array([value in item.values(kind) for item in dataset.catalogue])
    before, after = (has[built.retrieve([c], 10)[0]].mean() for c in (plain, told))
    assert after >= 0.7
    assert after >= before + 0.3


def test_a_chat_model_is_shown_told_and_asked_for_every_kind(
    registered: dict[str, Dataset],
) -> None:
    dataset = registered["recipes"]
    item = dataset.catalogue[0]
    spice, servings = item.values("spice")[0], item.values("servings")[0]
    assert f"spice: {spice}" in described(item)
    assert f"servings: {servings}" in described(item)
    assert "https" not in described(item)
    assert told_attributes(item)["spice"] == [spice]
    assert "photo" not in told_attributes(item)
    examples = make_examples(dataset, "test", teacher=None, tasks=["attributes"], limit=5)
    for example in examples:
        assert example.prompt[0]["content"].endswith("\nServings: ...\nVegan: ...")
        assert "\nSpice: " in example.answer
        read = AttributeReader(dataset.catalogue).read(example.answer)
        assert {"spice", "origin", "ingredients"} <= {attribute.kind for attribute in read}


def test_the_ranking_policy_writes_wishes_for_every_kind(registered: dict[str, Dataset]) -> None:
    pytest.importorskip("torch")
    from agents.wishes import WishWriter

    dataset = registered["recipes"]
    env = crsgym.make("own-recipes-v0", split="test", success="never")
    observation, _ = env.reset(seed=0)
    spice = observation["dialogue"].split()[3].strip(",")
    wish = WishWriter(dataset.catalogue).write("dialogue", observation, [])
    assert wish == f"The seeker wants something whose spice is {spice}."
