import pytest

from crsgym.registry import make_task
from crsgym.testing import check_simulator


@pytest.mark.parametrize("name", ["rules", "attributes"])
@pytest.mark.parametrize(
    "env",
    ["Synthetic-v0", pytest.param("INSPIRED-v0", marks=pytest.mark.requires_dataset("inspired"))],
)
def test_the_users_made_of_rules_keep_the_contract(name: str, env: str) -> None:
    task = make_task(env, split="test", simulator=name, retriever="popularity")
    check_simulator(task.world.simulator, task)
