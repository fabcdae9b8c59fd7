"""The ranking policy, trained on a few scenarios of Synthetic and compared with what it began from.

Needs torch (`pip install -e ".[torch]"`), about ten seconds on one core. It is far from what a
full training reaches: `crsgym train ranker --env Synthetic-v0 --out runs/ranker` is that.

    python examples/06_train_ranker.py
"""

import crsgym
from agents.ranker_config import RankerConfig
from agents.ranker_training import train_ranker

task = crsgym.make_task("Synthetic-v0", split="train", simulator="attributes", limit=150)
config = RankerConfig(
    mode="supervised-rl",
    supervised_epochs=4,
    rl_epochs=1,
    rl_scenarios=32,
    valid=40,  # scenarios of the valid split, on which the best epoch is chosen
    seed=0,
)


def show(record: dict[str, object]) -> None:
    """One line for every epoch."""
    print({k: round(v, 3) if isinstance(v, float) else v for k, v in record.items()})


ranker = train_ranker(task, config, log=show)

options = {"split": "test", "simulator": "attributes", "limit": 60}
trained = crsgym.evaluate(ranker, "Synthetic-v0", turns=3, name="ranker", **options)
print(trained.compare(crsgym.evaluate("retriever", "Synthetic-v0", turns=3, **options)))
