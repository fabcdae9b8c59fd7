"""A model from scratch: its tokenizer gives back what it was given, in few tokens."""

from __future__ import annotations

import re

import pytest

import crsgym
from agents import scratch
from agents.form import FormTeacher
from agents.scratch import ScratchSettings, write_model
from agents.sft import make_examples
from crsgym.errors import ConfigurationError


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scratch") / "base"
    options = ["--env", "Synthetic-v0", "--prompt", "compact", "--limit", "60"]
    assert scratch.main([*options, "--vocabulary", "600", "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def tokenizer(base):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base)


@pytest.fixture(scope="module")
def task():
    return crsgym.make_task("Synthetic-v0", split="valid", limit=30)


def test_every_title_and_every_value_is_one_token(tokenizer, task) -> None:
    values = {value for item in task.world.catalogue for _, value in item.attributes}
    for text in (*task.world.catalogue.titles, *values):
        ids = tokenizer(text)["input_ids"]
        assert len(ids) == 1, text
        assert tokenizer.decode(ids) == text


def test_a_value_is_no_part_of_a_word(tokenizer) -> None:
    (action,) = tokenizer("action")["input_ids"]
    assert action in tokenizer("more action, please")["input_ids"]
    assert action not in tokenizer("my reaction")["input_ids"]


def test_what_is_written_is_what_is_read(tokenizer, task) -> None:
    examples = make_examples(
        task, teacher=FormTeacher(task.world), lists=2, prompt="compact"
    ).examples
    for example in examples:
        for message in example.messages:
            ids = tokenizer(message["content"])["input_ids"]
            assert tokenizer.decode(ids) == message["content"]
        # The steps are learnt one by one: no token holds two of them.
        steps = [re.findall(r"Step\d", tokenizer.decode(token)) for token in ids]
        assert max(map(len, steps)) == 1
        assert len(ids) < 80
    assert tokenizer.decode(tokenizer("日本 ¡né! \\ [x], \n3. y")["input_ids"]) == (
        "日本 ¡né! \\ [x], \n3. y"
    )


def test_what_is_read_is_likelier_before_anything_is_learnt(base, tokenizer, task) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from agents.compact import compact_messages

    model = AutoModelForCausalLM.from_pretrained(base)
    titles = torch.tensor(
        [tokenizer(title)["input_ids"][0] for title in task.world.catalogue.titles]
    )
    leads = []
    for state in task.world.start(task.scenarios[:8], seed=0):
        (observation,) = task.world.observe([state])
        chat = tokenizer.apply_chat_template(
            compact_messages(observation), tokenize=False, add_generation_prompt=True
        )
        ids = tokenizer(chat, add_special_tokens=False, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            logits = model(ids).logits[0, -1, titles]
        offered = torch.zeros(len(titles), dtype=torch.bool)
        offered[list(state.candidates)] = True
        leads.append(float((logits[offered].mean() - logits[~offered].mean()) / logits.std()))
    assert sum(leads) / len(leads) > 0.2


def test_the_model_is_drawn_from_its_seed_and_leaves_the_global_stream_alone(tmp_path) -> None:
    import torch
    from safetensors.torch import load_file

    state = torch.random.get_rng_state()
    weights = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        settings = ScratchSettings(
            env="Synthetic-v0", out=str(tmp_path / name), seed=seed, width=32, heads=1, layers=1
        )
        size = write_model(["one two"], ["A, B (2001)"], ["café", "dark comedy"], settings)
        file = load_file(tmp_path / name / "model.safetensors")
        assert size == sum(weight.numel() for weight in file.values())
        weights.append(file["model.embed_tokens.weight"])
    assert weights[0].equal(weights[1])
    assert not weights[0].equal(weights[2])
    assert torch.random.get_rng_state().equal(state)


def test_settings_that_cannot_work_are_named(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="out: expected the folder"):
        write_model([], [], [], ScratchSettings(env="Synthetic-v0"))
    settings = ScratchSettings(env="Synthetic-v0", out=str(tmp_path), width=100, heads=3)
    with pytest.raises(ConfigurationError, match="a multiple of heads; got 100 and 3"):
        write_model([], [], [], settings)


def test_before_any_training_titles_of_the_prompt_are_likelier(base, tokenizer, task) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    titles = tokenizer.convert_tokens_to_ids(list(task.world.catalogue.titles))
    ahead = []
    for start in range(0, 200, 10):
        shown = titles[start : start + 10]
        with torch.no_grad():
            logits = model(torch.tensor([[1, *shown]])).logits[0, -1]
        ahead.append(float(logits[shown[:-1]].mean() - logits[titles].mean()))
    assert min(ahead) > 0
