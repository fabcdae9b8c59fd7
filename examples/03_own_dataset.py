"""A catalogue of another domain as JSON Lines: recipes, talked about by both users made of rules.

Core dependencies, about two seconds. Kinds of attributes may have any name; the users speak of them
by it, and call the items what you say they are.

    python examples/03_own_dataset.py
"""

import itertools
import json
import tempfile
from pathlib import Path

import crsgym

SPICES = ("hot", "mild", "smoky")
ORIGINS = ("Thai", "Goan", "Kenyan", "Basque")
INGREDIENTS = ("basil", "okra", "lentils", "tamarind", "squash")
NAMES = ("Harvest", "Lantern", "Monsoon", "Market", "Cradle")


def catalogue() -> list[dict[str, object]]:
    """One item for each spice, origin and name, with two ingredients."""
    items: list[dict[str, object]] = []
    for spice, origin, name in itertools.product(SPICES, ORIGINS, NAMES):
        n = len(items)
        items.append(
            {
                "key": f"r{n}",
                "title": f"{name} Pot Number {n}",
                "attributes": {
                    "spice": [spice],
                    "origin": [origin],
                    "ingredients": [INGREDIENTS[n % 5], INGREDIENTS[(n // 5 + n + 1) % 5]],
                    "servings": [str(2 + 2 * (n % 3))],
                },
            }
        )
    return items


def dialogues(items: list[dict[str, object]]) -> list[dict[str, object]]:
    """In each, somebody asks for a spice and is shown an item."""
    return [
        {
            "id": f"d{n}",
            "utterances": [
                {"role": "seeker", "text": f"Something {SPICES[n // 20]} for tonight?"},
                {"role": "recommender", "text": "Try this!", "items": [item["key"]]},
            ],
        }
        for n, item in enumerate(items)
    ]


def write(folder: Path) -> None:
    items = catalogue()
    talks = dialogues(items)
    splits = {"items": items, "train": talks[::2], "test": talks[1::2]}
    for name, records in splits.items():
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")


with tempfile.TemporaryDirectory() as folder:
    write(Path(folder))
    # Everything is read and checked here; a mistake is reported with its file and line.
    recipes = crsgym.register_dataset("recipes", folder, item="recipe")
crsgym.register_env("Recipes-v0", "recipes", description="sixty invented recipes")
print(recipes)

for user in ("rules", "attributes"):
    env = crsgym.make("Recipes-v0", split="test", simulator=user, list_length=3)
    observation, _ = env.reset(seed=1, options={"scenario": 7})
    print(f"\n{user}\n{observation['dialogue']}")
    for _ in range(3):
        titles = observation["candidates"][:3]
        observation, _, terminated, truncated, info = env.step(crsgym.format_answer(titles))
        for title in titles:
            item = recipes.catalogue[recipes.catalogue.titles.index(title)]
            print(f"  {title}: {', '.join(item.values())}")
        if terminated or truncated:
            break
        print(f"Seeker: {observation['feedback']}")
    print(f"wanted: {env.state.goal.preference}")

# What the told user says is worth something to a retriever that reads it.
for turn in crsgym.evaluate(
    "retriever", "Recipes-v0", split="test", simulator="attributes", turns=5, list_length=3
).to_dict()["agents"]["retriever"]["turns"]:
    print(f"turn {turn['turn']}: Recall@3 {turn['strata']['all']['recall@3']:.2f}")
