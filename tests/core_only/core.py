"""Run by run.sh in an environment that holds the wheel and the core dependencies, nothing else."""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

FORBIDDEN = ("torch", "transformers", "sentence_transformers", "ray", "gradio")
EPISODES = 20


def check(holds: bool, otherwise: str) -> None:
    """Stop with a message where something does not hold."""
    if not holds:
        sys.exit(f"core-only check failed: {otherwise}")


class Watch:
    """Notes who tries to import a forbidden library, also where the failure would be caught."""

    def __init__(self) -> None:
        self.attempts: list[str] = []

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] in FORBIDDEN:
            frame = sys._getframe(1)
            while frame.f_back and "importlib" in frame.f_globals.get("__name__", ""):
                frame = frame.f_back
            importer = frame.f_globals.get("__name__", "")
            if importer.partition(".")[0] in ("crsgym", "crsgym_agents"):
                self.attempts.append(f"{importer}:{frame.f_lineno} imports {name}")
        return None


def check_wheel(wheel: Path) -> None:
    """The wheel carries the library, its type marker, and agents/ under its own name; no more."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    info = f"crsgym-{wheel.name.split('-')[1]}.dist-info"
    check(tops == {"crsgym", "crsgym_agents", info}, f"the wheel's top level is {sorted(tops)}")
    for name in ("crsgym/py.typed", "crsgym_agents/__init__.py", f"{info}/licenses/LICENSE"):
        check(name in names, f"the wheel lacks {name}")


def play() -> None:
    """Whole episodes of Synthetic-v0 through the public interface."""
    import crsgym

    check(Path(crsgym.__file__).is_relative_to(sys.prefix), f"crsgym is {crsgym.__file__}")
    env = crsgym.make("Synthetic-v0", split="test", max_turns=3)
    solved = 0
    for episode in range(EPISODES):
        observation, _ = env.reset(seed=episode)
        for turn in range(1, 4):
            check(observation["turn"] == turn, f"turn {turn} says it is {observation['turn']}")
            answer = crsgym.format_answer(observation["candidates"][:10], preference="Drama.")
            observation, reward, terminated, truncated, info = env.step(answer)
            check(math.isfinite(reward), f"a reward of {reward}")
            check(info["answer_issues"] == (), f"a formatted answer has {info['answer_issues']}")
            if terminated or truncated:
                break
        check(terminated or truncated, f"episode {episode} did not end after 3 turns")
        solved += terminated
    print(f"{EPISODES} episodes of Synthetic-v0, {solved} solved in three turns")


def bench() -> None:
    """The installed command: a small benchmark with all its output files."""
    command = [str(Path(sys.prefix) / "bin" / "crsgym"), "bench", "Synthetic-v0", "--split", "test"]
    command += ["--agents", "random", "oracle", "--turns", "2", "--limit", "30"]
    command += ["--out", "report", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"crsgym bench exited {done.returncode}: {done.stderr}")
    report = json.loads(done.stdout)
    check(set(report["agents"]) == {"random", "oracle"}, f"agents {set(report['agents'])}")
    endings = {path.suffix for path in Path("report").rglob("*") if path.is_file()}
    check({".json", ".md", ".html"} <= endings, f"the report's files end in {sorted(endings)}")


def main() -> None:
    for name in FORBIDDEN:
        check(importlib.util.find_spec(name) is None, f"{name} is installed")
    watch = Watch()
    sys.meta_path.insert(0, watch)
    check_wheel(Path(sys.argv[1]))
    play()
    bench()
    check(not watch.attempts, "; ".join(watch.attempts))
    loaded = [name for name in FORBIDDEN if name in sys.modules]
    check(not loaded, f"{loaded} were imported")
    print("core-only: the wheel works, and never imported " + ", ".join(FORBIDDEN))


main()
