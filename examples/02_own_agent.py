"""An agent of one's own, evaluated and compared with the retriever's order by paired intervals.

Core dependencies, about three seconds.

    python examples/02_own_agent.py
"""

from collections.abc import Sequence

import crsgym
from crsgym.types import Observation


class Echo:
    """The candidates in order; what the user said of earlier lists is the inferred preference.

    An agent is any object with `act`: a batch of observations in, one answer text each out. The
    retriever reads the preference at the next turn, so this one steers it by what it writes.
    """

    def act(self, observations: Sequence[Observation]) -> list[str]:
        return [self.answer(observation) for observation in observations]

    def answer(self, observation: Observation) -> str:
        said = [*(turn["feedback"] for turn in observation["history"]), observation["feedback"]]
        told = " ".join(filter(None, said))
        return crsgym.format_answer(observation["candidates"][:10], preference=told or "Anything.")


options = {"split": "test", "simulator": "attributes", "limit": 200}
mine = crsgym.evaluate(Echo(), "Synthetic-v0", turns=3, **options)
theirs = crsgym.evaluate("retriever", "Synthetic-v0", turns=3, **options)

# Every turn is scored over all scenarios. The interval is from a bootstrap over dialogues.
turns = mine.to_dict()["agents"]["Echo"]["turns"]
for turn in turns:
    row = turn["strata"]["all"]
    low, high = row["ci95"]["recall@10"]
    print(f"turn {turn['turn']}: Recall@10 {row['recall@10']:.3f} [{low:.3f}, {high:.3f}]")

# Both played the same scenarios, so their difference is paired: much narrower than two intervals.
difference = mine.compare(theirs)
print(difference.select(stratum="all", metric="recall@10"))
