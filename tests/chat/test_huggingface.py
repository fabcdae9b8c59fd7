from __future__ import annotations

import collections
from pathlib import Path

import pytest

from crsgym.errors import ConfigurationError
from crsgym.protocols import ChatModel, Sampling

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

GREEDY = Sampling(max_tokens=12, logprobs=True)
HOT = Sampling(max_tokens=6, temperature=1.0, logprobs=True)
PROMPTS = [
    [{"role": "user", "content": text}]
    for text in ("fox", "The lazy dog jumps over the quick brown fox again and again", "é", "dog?")
]


@pytest.fixture(scope="module")
def chat(tiny_model: Path):
    from crsgym.chat.huggingface import TransformersChatModel

    return TransformersChatModel(tiny_model, device="cpu", batch_size=3)


def test_is_a_chat_model(chat, tiny_model) -> None:
    assert isinstance(chat, ChatModel)
    assert chat.spec() == {"model": str(tiny_model)}


def test_a_batch_answers_as_each_prompt_alone(chat) -> None:
    together = chat.complete(PROMPTS, GREEDY)
    for prompt, answer in zip(PROMPTS, together, strict=True):
        (alone,) = chat.complete([prompt], GREEDY)
        assert (alone.text, alone.token_ids, alone.prompt_ids) == (
            answer.text,
            answer.token_ids,
            answer.prompt_ids,
        )
        assert alone.logprobs == pytest.approx(answer.logprobs, abs=1e-5)


def test_logprobs_are_those_of_a_plain_forward_pass(chat) -> None:
    for sampling in (GREEDY, HOT):
        (answer,) = chat.complete(PROMPTS[1:2], sampling, [3])
        ids = torch.tensor([[*answer.prompt_ids, *answer.token_ids]])
        with torch.no_grad():
            table = chat.model(ids).logits[0].log_softmax(-1)
        start = len(answer.prompt_ids)
        expected = [table[start - 1 + i, t].item() for i, t in enumerate(answer.token_ids)]
        assert answer.logprobs == pytest.approx(expected, abs=1e-4)
        assert len(answer.logprobs) == len(answer.token_ids) > 0


def test_a_row_draws_from_its_own_seed(chat) -> None:
    state = torch.get_rng_state()
    answers = chat.complete(PROMPTS, HOT, [1, 2, 3, 4])
    backwards = chat.complete(PROMPTS[::-1], HOT, [4, 3, 2, 1])
    assert [a.token_ids for a in answers] == [a.token_ids for a in backwards[::-1]]
    assert torch.equal(torch.get_rng_state(), state)
    others = chat.complete(PROMPTS, HOT, [5, 6, 7, 8])
    assert [a.token_ids for a in answers] != [a.token_ids for a in others]
    unseeded = [chat.complete(PROMPTS[:1], HOT)[0].token_ids for _ in range(3)]
    assert len(set(unseeded)) > 1


def test_samples_follow_the_distribution(chat) -> None:
    one = Sampling(max_tokens=1, temperature=1.0, top_p=0.5, logprobs=True)
    answers = chat.complete([PROMPTS[0]] * 600, one, list(range(600)))
    seen = collections.Counter(a.token_ids[0] for a in answers)
    told = {a.token_ids[0]: a.logprobs[0] for a in answers}
    probabilities = {token: torch.tensor(value).exp().item() for token, value in told.items()}
    assert sum(probabilities.values()) <= 1 + 1e-4
    # Three standard errors of a share at n = 600 are below .062.
    for token, probability in probabilities.items():
        assert abs(seen[token] / 600 - probability) < 0.062
    # top_p keeps the fewest tokens that hold half of the mass.
    (greedy,) = chat.complete([PROMPTS[0]], Sampling(max_tokens=1))
    assert max(probabilities, key=probabilities.get) == greedy.token_ids[0]
    table = next_token_table(chat)
    nucleus = int((table.sort(descending=True).values.cumsum(0) < 0.5).sum()) + 1
    assert len(probabilities) <= nucleus


def next_token_table(chat):
    (answer,) = chat.complete([PROMPTS[0]], Sampling(max_tokens=1))
    with torch.no_grad():
        return chat.model(torch.tensor([answer.prompt_ids])).logits[0, -1].softmax(-1)


def test_stop_text_cuts_text_and_tokens(chat) -> None:
    (full,) = chat.complete(PROMPTS[:1], GREEDY)
    stop = full.text[3:5]
    answers = chat.complete(PROMPTS, Sampling(max_tokens=12, stop=(stop,), logprobs=True))
    assert answers[0].text == full.text[: full.text.index(stop)]
    assert answers[0].finish_reason == "stop"
    assert full.token_ids[: len(answers[0].token_ids)] == answers[0].token_ids
    assert len(answers[0].logprobs) == len(answers[0].token_ids) < len(full.token_ids)


def test_what_does_not_fit_is_named(chat) -> None:
    with pytest.raises(ConfigurationError, match=r"max_tokens=128 do not fit the 128 tokens"):
        chat.complete(PROMPTS, Sampling(max_tokens=128))
    with pytest.raises(ValueError, match="one seed per prompt"):
        chat.complete(PROMPTS, GREEDY, [1])
    assert chat.complete([], GREEDY) == []


def test_configuration_errors(tiny_model, tmp_path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from crsgym.chat.huggingface import TransformersChatModel

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    with pytest.raises(ConfigurationError, match="needs its tokenizer="):
        TransformersChatModel(model)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.chat_template = None
    with pytest.raises(ConfigurationError, match="no chat template"):
        TransformersChatModel(model, tokenizer=tokenizer)
    with pytest.raises(ConfigurationError, match="holds no LoRA weights"):
        TransformersChatModel(tiny_model, adapter=tmp_path)
