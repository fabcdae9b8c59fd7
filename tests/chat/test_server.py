from __future__ import annotations

import asyncio
import pickle
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from crsgym.chat.server import ServerChatModel
from crsgym.errors import ConfigurationError, ModelServerError
from crsgym.protocols import ChatModel, Completion, Sampling

GREEDY = Sampling(max_tokens=16)


def ask(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@pytest.fixture
def model(server):
    model = ServerChatModel("m", base_url=server.base_url, backoff=0.01, retries=2, timeout=30)
    yield model
    model.close()


def test_is_a_chat_model(model) -> None:
    assert isinstance(model, ChatModel)
    assert model.spec() == {"model": "m"}


def test_answers_come_in_the_order_of_the_prompts(server, model) -> None:
    server.delay_s = 0.02
    answers = model.complete([ask(str(i)) for i in range(40)], GREEDY)
    assert [a.text for a in answers] == [f"you said {i}" for i in range(40)]


def test_request_says_what_was_asked(server, model) -> None:
    sampling = Sampling(max_tokens=7, temperature=0.5, top_p=0.9, stop=("END",), logprobs=True)
    model.complete([ask("hi")], sampling, [11])
    path, body, _ = server.requests[0]
    assert path == "/v1/chat/completions"
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["END"],
        "seed": 11,
        "logprobs": True,
        "return_token_ids": True,
    }


def test_greedy_sends_no_seed(server, model) -> None:
    model.complete([ask("hi")], GREEDY, [11])
    assert "seed" not in server.requests[0][1]


def test_token_ids_and_logprobs_are_read(server, model) -> None:
    choice = {
        "message": {"content": "ok"},
        "finish_reason": "stop",
        "token_ids": [5, 2],
        "logprobs": {"content": [{"logprob": -0.5}, {"logprob": -0.25}]},
    }
    server.script.append((200, {"choices": [choice], "prompt_token_ids": [1, 7]}))
    (answer,) = model.complete([ask("hi")], Sampling(logprobs=True))
    assert answer == Completion("ok", "stop", (1, 7), (5, 2), (-0.5, -0.25))


def test_a_server_that_knows_no_token_ids_is_asked_without_them(server, model, completion) -> None:
    server.script.append((400, {"error": {"message": "Unknown parameter: 'return_token_ids'"}}))
    assert model.complete([ask("a")], Sampling(logprobs=True))[0].text == "you said a"
    model.complete([ask("b")], Sampling(logprobs=True))
    assert ["return_token_ids" in body for _, body, _ in server.requests] == [True, False, False]


def test_thoughts_a_server_took_out_are_put_back(server, model) -> None:
    message = {"content": "RANK LIST: []", "reasoning_content": "hm"}
    server.script.append((200, {"choices": [{"message": message, "finish_reason": "stop"}]}))
    assert model.complete([ask("x")], GREEDY)[0].text == "<think>\nhm\n</think>\nRANK LIST: []"


@pytest.mark.parametrize(
    "reply", [(500, {}), (503, {"message": "x"}), (429, {}), "cut", "garbage", "hang"]
)
def test_a_passing_failure_is_retried(server, model, reply) -> None:
    if reply == "hang":
        model.timeout = 1.0
    server.script.append(reply)
    assert model.complete([ask("hi")], GREEDY)[0].text == "you said hi"
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (
            (500, {"error": {"message": "out of memory"}}),
            r"answered 500: out of memory \(3 attempts",
        ),
        ("hang", r"within 0.3 s; raise timeout="),
        ("cut", r"dropped the connection in the middle of an answer"),
        ("garbage", r"no chat completion: '<html>busy"),
        ((200, {"choices": []}), r"no chat completion"),
    ],
)
def test_a_lasting_failure_is_named(server, model, reply, message) -> None:
    if reply == "hang":
        model.timeout = 0.3
    server.script.extend([reply] * 3)
    with pytest.raises(ModelServerError, match=message):
        model.complete([ask("hi")], GREEDY)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("status", "said", "message"),
    [
        (401, "bad key", "refused the key .401: bad key.; give api_key="),
        (404, "The model `m` does not exist.", "is 'm' what the server serves"),
        (
            400,
            "This model's maximum context length is 64 tokens. However, you requested 80.",
            "max_tokens=16 do not fit the context of 'm'.*64 tokens.*lower max_tokens",
        ),
        (400, "temperature must be positive", "refused the request .400: temperature"),
    ],
)
def test_what_trying_again_cannot_mend_stops_at_once(server, model, status, said, message) -> None:
    server.script.append((status, {"error": {"message": said}}))
    with pytest.raises(ModelServerError, match=message):
        model.complete([ask("hi")], GREEDY)
    assert len(server.requests) == 1


def test_one_failed_prompt_fails_the_batch_and_the_model_stays_usable(server, model) -> None:
    server.script.append((401, {"message": "no"}))
    with pytest.raises(ModelServerError):
        model.complete([ask(str(i)) for i in range(20)], GREEDY)
    assert model.complete([ask("again")], GREEDY)[0].text == "you said again"


def test_a_client_whose_request_was_cut_off_is_not_used_again(server, model) -> None:
    model.complete([ask("hi")], GREEDY)
    first = list(model._clients)
    server.script.extend([(401, {"message": "no"}), *["hang"] * 5])
    with pytest.raises(ModelServerError):
        model.complete([ask(str(i)) for i in range(6)], GREEDY)
    cut_off = [client for client in first if client not in model._clients]
    assert len(model._clients) == len(first)
    assert model.complete([ask("again")], GREEDY)[0].text == "you said again"
    assert cut_off
    assert all(client.is_closed for client in cut_off)


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = ServerChatModel("m", base_url=f"http://127.0.0.1:{port}/v1", retries=1, backoff=0.01)
    with pytest.raises(ModelServerError, match=r"cannot connect .* start the server"):
        model.complete([ask("hi")], GREEDY)


def test_empty_and_cut_answers_are_answers(server, model, completion) -> None:
    server.script.extend([completion(None), completion("half a", finish_reason="length")])
    first, second = (model.complete([ask("x")], GREEDY)[0] for _ in range(2))
    assert (first.text, first.finish_reason) == ("", "stop")
    assert (second.text, second.finish_reason) == ("half a", "length")


@pytest.mark.parametrize("concurrency", [4, 20])
def test_concurrency_is_limited_and_used(server, concurrency) -> None:
    model = ServerChatModel("m", base_url=server.base_url, concurrency=concurrency)
    server.delay_s = 0.4 if concurrency > 4 else 0.03
    answers = model.complete([ask(str(i)) for i in range(60)], GREEDY)
    assert [answer.text for answer in answers] == [f"you said {i}" for i in range(60)]
    assert server.most_in_flight == concurrency
    model.close()


def test_several_threads_share_what_may_be_in_flight(server) -> None:
    model = ServerChatModel("m", base_url=server.base_url, concurrency=6)
    server.delay_s = 0.03
    with ThreadPoolExecutor(3) as threads:
        batches = threads.map(lambda _: model.complete([ask("x")] * 12, GREEDY), range(3))
        assert [len(batch) for batch in batches] == [12, 12, 12]
    assert server.most_in_flight == 6
    model.close()


def test_key_is_sent(server, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
    for key, sent in ((None, "from-environment"), ("given", "given")):
        ServerChatModel("m", base_url=server.base_url, api_key=key).complete([ask("x")], GREEDY)
        assert server.requests[-1][2]["authorization"] == f"Bearer {sent}"


def test_works_inside_a_running_event_loop(model) -> None:
    async def notebook_cell() -> tuple[str, str]:
        blocking = model.complete([ask("a")], GREEDY)[0].text
        awaited = (await model.acomplete([ask("b")], GREEDY))[0].text
        return blocking, awaited

    assert asyncio.run(notebook_cell()) == ("you said a", "you said b")


def test_survives_pickling_and_closing(model) -> None:
    model.complete([ask("a")], GREEDY)
    again = pickle.loads(pickle.dumps(model))
    assert again.complete([ask("b")], GREEDY)[0].text == "you said b"
    model.close()
    assert model.complete([ask("c")], GREEDY)[0].text == "you said c"
    again.close()


def test_loading_an_adapter_changes_the_name(server, model) -> None:
    server.script.extend([(200, "Success"), (200, "Success")])
    model.load_adapter("/adapters/1", name="user")
    assert model.name == "user@1"
    model.load_adapter("/adapters/2", name="user")
    assert model.name == "user@2"  # other weights under the same name: no cache may mix them up
    model.complete([ask("x")], GREEDY)
    paths = [path for path, _, _ in server.requests]
    assert paths == ["/v1/load_lora_adapter"] * 2 + ["/v1/chat/completions"]
    assert server.requests[1][1] == {
        "lora_name": "user",
        "lora_path": "/adapters/2",
        "load_inplace": True,
    }
    assert server.requests[2][1]["model"] == "user"


def test_no_prompts_no_requests(server, model) -> None:
    assert model.complete([], GREEDY) == []
    assert server.requests == []


def test_seeds_must_fit(model) -> None:
    with pytest.raises(ValueError, match="one seed per prompt"):
        model.complete([ask("x")], Sampling(temperature=1.0), [1, 2])


@pytest.mark.parametrize(
    "options", [{"base_url": "localhost:8000"}, {"timeout": 0}, {"retries": -1}, {"concurrency": 0}]
)
def test_settings_out_of_range(options) -> None:
    with pytest.raises(ConfigurationError):
        ServerChatModel("m", **options)
