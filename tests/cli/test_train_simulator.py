from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import crsgym
from crsgym import data
from crsgym.cli import app
from crsgym.simulators.tasks import read_examples

pytest.importorskip("trl")
pytest.importorskip("peft")

_spec = importlib.util.spec_from_file_location(
    "crsgym_tiny_model", Path(__file__).parents[1] / "tiny_model.py"
)
tiny_model = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tiny_model)


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    dialogues = data.load("synthetic").dialogues("train")[:60]
    texts = [utterance.text for dialogue in dialogues for utterance in dialogue.utterances]
    return tiny_model.write_tiny_model(
        tmp_path_factory.mktemp("base"),
        texts,
        vocabulary=1024,
        width=32,
        heads=1,
        layers=1,
        context=4096,
    )


def run(base: Path, out: Path, *more: str):
    settings = ["epochs=1", "lora_rank=2", "max_length=4096", "gradient_checkpointing=false"]
    return CliRunner().invoke(
        app,
        [
            *("train", "simulator", "Synthetic-v0", "--model", str(base), "--out", str(out)),
            *("--limit", "2", "--lists", "1", "--valid-limit", "1", "--set", *settings, *more),
        ],
    )


def test_trains_measures_and_says_how_to_use_it(base, tmp_path) -> None:
    result = run(base, tmp_path)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout.splitlines()[-1])
    assert {"feedback_f1", "alignment_accuracy", "target_accuracy"} <= told.keys()
    assert len(read_examples(tmp_path / "train.jsonl")) == 2 * (1 + 1 + 2)
    assert len(read_examples(tmp_path / "valid.jsonl")) == 4
    assert "simulator.model=transformers:" in result.stderr
    adapter = Path(told["path"])
    assert (adapter / "adapter_model.safetensors").is_file()
    env = crsgym.make(
        "Synthetic-v0",
        simulator="llm",
        simulator_options={
            "model": f"transformers:{base}",
            "model_options": {"adapter": str(adapter), "device": "cpu"},
            "max_tokens": 4,
        },
        success="never",
    )
    obs, _ = env.reset(seed=0)
    obs, *_ = env.step(crsgym.format_answer(obs["candidates"][:3]))
    assert isinstance(obs["feedback"], str)


def test_one_task_alone(base, tmp_path) -> None:
    result = run(base, tmp_path, "--tasks", "attributes", "target", "--valid-limit", "0")
    assert result.exit_code == 0, result.output
    tasks = {example.task for example in read_examples(tmp_path / "train.jsonl")}
    assert tasks == {"attributes", "target"}
    assert not (tmp_path / "valid.jsonl").exists()


def test_a_typo_stops_before_anything_is_made(base, tmp_path) -> None:
    for setting, message in (("epoch=1", "did you mean 'epochs'"), ("nonsense", "KEY=VALUE")):
        result = run(base, tmp_path / "out", setting)
        assert result.exit_code != 0
        assert message in str(result.exception)
    assert not (tmp_path / "out").exists()
