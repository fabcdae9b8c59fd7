from __future__ import annotations

import importlib.util
import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crsgym import finetune as module
from crsgym.errors import ConfigurationError
from crsgym.finetune import FinetuneSettings, SimilarLengths, finetune, settings_from
from crsgym.protocols import Sampling

torch = pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("peft")
load_file = pytest.importorskip("safetensors.torch").load_file

_spec = importlib.util.spec_from_file_location(
    "crsgym_tiny_model", Path(__file__).with_name("tiny_model.py")
)
tiny_model = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tiny_model)

PAIRS = {"red": "apple", "yellow": "banana", "green": "lime", "blue": "plum"}
EXAMPLES = [
    [
        {"role": "system", "content": "Name a fruit."},
        {"role": "user", "content": f"Which fruit is {colour}?"},
        {"role": "assistant", "content": f"A {fruit}, I think."},
    ]
    for colour, fruit in PAIRS.items()
] * 8
FULL = FinetuneSettings(
    lora_rank=0, learning_rate=1e-2, epochs=12, batch_size=4, gradient_checkpointing=False
)
LORA = FinetuneSettings(
    lora_rank=4, learning_rate=3e-2, epochs=2, batch_size=4, gradient_checkpointing=False
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [message["content"] for example in EXAMPLES for message in example]
    return tiny_model.write_tiny_model(
        tmp_path_factory.mktemp("base"),
        texts,
        vocabulary=320,
        width=32,
        layers=1,
        heads=1,
        context=64,
    )


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory):
    return finetune(
        base,
        EXAMPLES,
        tmp_path_factory.mktemp("full"),
        settings=FULL,
        valid=EXAMPLES[:4],
        progress=False,
    )


def ask(model: str | Path, adapter: Path | None = None) -> list:
    from crsgym.chat.huggingface import TransformersChatModel

    chat = TransformersChatModel(model, adapter=adapter, device="cpu")
    return chat.complete([example[:-1] for example in EXAMPLES[:4]], Sampling(max_tokens=20))


@pytest.mark.parametrize("settings", [FULL, LORA], ids=["full", "lora"])
def test_bfloat16_on_a_cpu_learns_as_float32_does(base, tmp_path, settings) -> None:
    last = {}
    for halved in (False, True):
        out = tmp_path / str(halved)
        chosen = replace(settings, bfloat16=halved)
        run = finetune(base, EXAMPLES, out, settings=chosen, progress=False)
        losses = [entry["loss"] for entry in run.history if "loss" in entry]
        assert losses[-1] < losses[0]
        last[halved] = losses[-1]
        (weights,) = [load_file(file) for file in out.glob("*.safetensors")]
        assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
    assert last[True] == pytest.approx(last[False], rel=0.05, abs=0.02)


def test_a_model_learns_the_answers_and_when_to_stop(trained) -> None:
    answers = ask(trained.path)
    assert [a.text for a in answers] == [e[-1]["content"] for e in EXAMPLES[:4]]
    assert {a.finish_reason for a in answers} == {"stop"}
    losses = [entry["eval_loss"] for entry in trained.history if "eval_loss" in entry]
    assert len(losses) == 12
    assert losses[-1] < 0.1 < losses[0]
    assert trained.left_out == 0


def test_generation_sees_the_tokens_that_training_saw(trained) -> None:
    from transformers import AutoTokenizer

    from crsgym.finetune import _row

    tokenizer = AutoTokenizer.from_pretrained(trained.path)
    row = _row(tokenizer, EXAMPLES[0])
    answer = ask(trained.path)[0]
    assert (*answer.prompt_ids, *answer.token_ids) == tuple(row["input_ids"])
    # The loss is on the answer and its end, and on nothing else.
    assert [i for i in row["labels"] if i != -100] == list(answer.token_ids)
    assert row["labels"][: len(answer.prompt_ids)] == [-100] * len(answer.prompt_ids)


def test_a_finished_run_is_not_run_again(base, trained) -> None:
    before = (trained.path / "model.safetensors").stat().st_mtime_ns
    again = finetune(base, EXAMPLES, trained.path, settings=FULL, valid=EXAMPLES[:4])
    assert again == trained
    assert (trained.path / "model.safetensors").stat().st_mtime_ns == before
    assert not (trained.path / "checkpoints").exists()
    assert not [p for p in trained.path.iterdir() if p.suffix in (".bin", ".pt", ".pkl")]


def test_another_run_may_not_take_the_folder(base, trained) -> None:
    with pytest.raises(ConfigurationError, match="holds another run: its settings is"):
        finetune(base, EXAMPLES, trained.path, settings=LORA, valid=EXAMPLES[:4])


def test_a_folder_from_before_a_setting_is_still_ones_own(base, trained) -> None:
    record = trained.path / module.RECORD
    now = json.loads(record.read_text())
    old = {key: value for key, value in now["settings"].items() if key != "similar_lengths"}
    record.write_text(json.dumps({**now, "settings": old}))
    assert finetune(base, EXAMPLES, trained.path, settings=FULL, valid=EXAMPLES[:4]) == trained
    record.write_text(json.dumps(now))


@pytest.mark.parametrize("settings", [FULL, LORA], ids=["full", "lora"])
def test_the_loss_is_that_of_trl(base, tmp_path, monkeypatch, settings) -> None:
    settings = replace(settings, epochs=2)
    ours = finetune(base, EXAMPLES, tmp_path / "ours", settings=settings, progress=False)
    monkeypatch.setattr(module, "_trainer", lambda trainer, lengths, settings: trainer)
    theirs = finetune(base, EXAMPLES, tmp_path / "theirs", settings=settings, progress=False)
    losses = [[e["loss"] for e in run.history if "loss" in e] for run in (ours, theirs)]
    assert len(losses[0]) > 10
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_batches_of_similar_lengths() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 500, size=1003).tolist()
    sampler = SimilarLengths(lengths, 8, seed=1)
    first = list(sampler)
    assert len(sampler) == 1003
    assert sorted(first) == list(range(1003))
    assert first == list(SimilarLengths(lengths, 8, seed=1))
    assert first != list(SimilarLengths(lengths, 8, seed=2))
    sampler.set_epoch(1)
    assert list(sampler) != first
    sampler.set_epoch(0)
    assert list(sampler) == first

    def padding(order) -> float:
        batches = [[lengths[row] for row in order[at : at + 8]] for at in range(0, 1000, 8)]
        return sum(8 * max(batch) - sum(batch) for batch in batches) / sum(lengths)

    assert padding(first) < 0.2 < 0.5 < padding(range(1003))
    # The batches themselves come at random, not from short to long.
    longest = [max(lengths[row] for row in first[at : at + 8]) for at in range(0, 1000, 8)]
    assert abs(np.corrcoef(longest, np.arange(len(longest)))[0, 1]) < 0.3


@pytest.mark.parametrize("similar", [False, True])
def test_a_killed_run_resumes_to_the_same_adapter(base, tmp_path, similar) -> None:
    from safetensors.numpy import load_file

    settings = replace(LORA, similar_lengths=similar)

    calls = []

    def measure(model, tokenizer):
        calls.append(model)
        return {"answer": 42.0}

    def killed(model, tokenizer):
        if calls:
            raise KeyboardInterrupt
        return measure(model, tokenizer)

    straight = finetune(
        base, EXAMPLES, tmp_path / "a", settings=settings, evaluate=measure, progress=False
    )
    assert [e["measure/answer"] for e in straight.history if "measure/answer" in e] == [42.0, 42.0]
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        finetune(base, EXAMPLES, tmp_path / "b", settings=settings, evaluate=killed, progress=False)
    with pytest.raises(ConfigurationError, match="another run"):
        finetune(base, EXAMPLES[:8], tmp_path / "b", settings=settings, progress=False)
    resumed = finetune(
        base, EXAMPLES, tmp_path / "b", settings=settings, evaluate=measure, progress=False
    )
    assert len(calls) == 2
    first, second = (load_file(r.path / "adapter_model.safetensors") for r in (straight, resumed))
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])


def test_adapters_swap_in_place(base, tmp_path) -> None:
    from crsgym.chat.huggingface import TransformersChatModel

    one = finetune(base, EXAMPLES, tmp_path / "one", settings=LORA, progress=False)
    prompt = [EXAMPLES[0][:-1]]
    chat = TransformersChatModel(base, device="cpu")
    names, texts = [chat.name], [chat.complete(prompt, Sampling(max_tokens=8))[0].text]
    for adapter in (one.path, None, one.path):
        chat.load_adapter(adapter)
        names.append(chat.name)
        texts.append(chat.complete(prompt, Sampling(max_tokens=8))[0].text)
    assert names[0] == names[2] == str(base)
    assert names[1] == names[3]
    assert names[1].startswith(f"{base}+one#")
    assert texts[0] == texts[2] != texts[1] == texts[3]
    assert texts[1] == ask(base, one.path)[0].text[: len(texts[1])]


def test_long_examples_are_left_out_and_counted(base, tmp_path) -> None:
    long = [*EXAMPLES[0][:-1], {"role": "assistant", "content": "A plum, " * 200}]
    result = finetune(
        base,
        [*EXAMPLES, long],
        tmp_path,
        settings=FinetuneSettings(epochs=1, max_length=64, gradient_checkpointing=False),
        progress=False,
    )
    assert result.left_out == 1


def test_the_callers_random_state_is_untouched(base, tmp_path) -> None:
    def states() -> tuple:
        legacy = np.random.get_state()  # noqa: NPY002
        return random.getstate(), legacy[1].tolist(), legacy[2], torch.get_rng_state().tolist()

    before = states()
    finetune(base, EXAMPLES[:4], tmp_path, settings=LORA, progress=False)
    assert states() == before


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([], "none of 0 examples"),
        ([EXAMPLES[0][:-1]], r"ends in the assistant's answer; got roles \['system', 'user'\]"),
    ],
)
def test_unusable_examples(base, tmp_path, examples, message) -> None:
    with pytest.raises(ConfigurationError, match=message):
        finetune(base, examples, tmp_path, settings=LORA)


def test_settings() -> None:
    defaults = FinetuneSettings()
    assert (defaults.lora_rank, defaults.learning_rate, defaults.epochs) == (8, 1e-5, 5)
    assert settings_from({"epochs": 3}).epochs == 3
    with pytest.raises(ConfigurationError, match="did you mean 'epochs'"):
        settings_from({"epoch": 3})
    with pytest.raises(ConfigurationError, match="batch_size: expected at least 1; got 0"):
        FinetuneSettings(batch_size=0)
