"""A chat model behind an OpenAI-compatible server, vLLM's first.

Busy or broken for a moment (429, 5xx, a dropped connection, a timeout, half an answer) is retried
with exponential backoff and jitter; what trying again cannot mend (401, an unknown model, a prompt
that is too long) stops at once. Either way the error is a
:class:`~crsgym.errors.ModelServerError` that says which. An empty answer, or one cut at
``max_tokens``, is an answer.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from crsgym.chat.loop import BackgroundLoop
from crsgym.errors import ConfigurationError, ModelServerError
from crsgym.protocols import Completion, Message, Sampling

R = TypeVar("R")
_MAX_WAIT_S = 30.0


class _TryAgainError(Exception):
    """A failure that may pass; ``wait_s`` is what the server asked for, if it did."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class ServerChatModel:
    """Asks ``POST {base_url}/chat/completions``, many prompts at a time.

    Args:
        model: the name under which the server serves it (a LoRA adapter has a name of its own).
        base_url: up to and with ``/v1``.
        api_key: the bearer token; the environment's ``OPENAI_API_KEY`` when none is given.
        timeout: seconds for one request, all of it.
        retries: how often a request is tried again.
        backoff: seconds before the first retry; doubled each time, up to 30, with jitter.
        concurrency: requests in flight at once.
        extra_body: further fields of every request, e.g. ``{"chat_template_kwargs": {...}}``.

    Raises:
        ConfigurationError: a setting out of range.
    """

    nondeterministic = True

    def __init__(
        self,
        model: str,
        *,
        base_url: str = "http://127.0.0.1:8000/v1",
        api_key: str | None = None,
        timeout: float = 120.0,
        retries: int = 5,
        backoff: float = 0.5,
        concurrency: int = 256,
        extra_body: Mapping[str, Any] | None = None,
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ConfigurationError(f"base_url {base_url!r}: expected http:// or https:// ... /v1")
        if timeout <= 0 or retries < 0 or backoff < 0 or concurrency < 1:
            raise ConfigurationError(
                "expected timeout > 0, retries >= 0, backoff >= 0 and concurrency >= 1; got "
                f"{timeout}, {retries}, {backoff} and {concurrency}"
            )
        self.name = model
        self.base_url = base_url.rstrip("/")
        self.timeout, self.retries, self.backoff = timeout, retries, backoff
        self.concurrency = concurrency
        self.extra_body = dict(extra_body or {})
        self._api_key = api_key
        self._version = 0
        self._tells_token_ids = True
        self._loop = BackgroundLoop()
        self._clients: list[Any] = []
        self._worn: list[Any] = []
        self._free: asyncio.LifoQueue[Any] | None = None
        self._trusted: Any = None
        self._client_loop: asyncio.AbstractEventLoop | None = None
        self._model = model

    def complete(
        self,
        prompts: Sequence[Sequence[Message]],
        sampling: Sampling,
        seeds: Sequence[int] | None = None,
    ) -> list[Completion]:
        """One completion per prompt, in order; works inside a running event loop too.

        Raises:
            ModelServerError: when a request fails for good; the others of the batch are dropped.
        """
        return self._loop.run(self._complete(prompts, sampling, seeds))

    async def acomplete(
        self,
        prompts: Sequence[Sequence[Message]],
        sampling: Sampling,
        seeds: Sequence[int] | None = None,
    ) -> list[Completion]:
        """:meth:`complete` for a caller with an event loop of its own."""
        return await asyncio.wrap_future(
            self._loop.submit(self._complete(prompts, sampling, seeds))
        )

    def load_adapter(self, path: str, *, name: str | None = None) -> None:
        """Have vLLM's server read a LoRA adapter, in place of what the name stood for before.

        The server needs ``--enable-lora`` and ``VLLM_ALLOW_RUNTIME_LORA_UPDATING=1``, and must
        see ``path`` on its own disk. From then on this object asks that adapter.

        Raises:
            ModelServerError: when the server refuses.
        """
        name = name or "adapter"
        body = {"lora_name": name, "lora_path": str(path), "load_inplace": True}
        self._loop.run(self._post("/load_lora_adapter", body, read=lambda response: None))
        self._version += 1
        self._model, self.name = name, f"{name}@{self._version}"

    def close(self) -> None:
        """Drop the connections; a later call opens new ones."""
        clients, self._clients, self._free = self._clients + self._worn, [], None
        self._worn = []
        for client in clients:
            self._loop.run(client.aclose())
        self._loop.stop()

    def spec(self) -> dict[str, Any]:
        """The model by name: where it is served is no part of what it says."""
        return {"model": self.name, **({"extra_body": self.extra_body} if self.extra_body else {})}

    def __getstate__(self) -> dict[str, Any]:
        alone = dict.fromkeys(("_free", "_trusted", "_client_loop"))
        return {**self.__dict__, **alone, "_clients": [], "_worn": []}

    async def _complete(
        self,
        prompts: Sequence[Sequence[Message]],
        sampling: Sampling,
        seeds: Sequence[int] | None,
    ) -> list[Completion]:
        if seeds is not None and len(seeds) != len(prompts):
            raise ValueError(f"expected one seed per prompt; got {len(seeds)} for {len(prompts)}")
        rows: Sequence[int | None] = [None] * len(prompts) if seeds is None else seeds
        self._slots()
        while self._worn:
            await self._worn.pop().aclose()
        tasks = [
            asyncio.create_task(self._ask(prompt, sampling, seed))
            for prompt, seed in zip(prompts, rows, strict=True)
        ]
        try:
            return await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    async def _ask(
        self, prompt: Sequence[Message], sampling: Sampling, seed: int | None
    ) -> Completion:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": list(prompt),
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            **({"stop": list(sampling.stop)} if sampling.stop else {}),
            **self.extra_body,
        }
        if seed is not None and sampling.temperature > 0:
            body["seed"] = seed
        if sampling.logprobs:
            body["logprobs"] = True
            if self._tells_token_ids:
                body["return_token_ids"] = True
        return await self._post("/chat/completions", body, read=_completion)

    async def _post(self, path: str, body: dict[str, Any], read: Callable[[Any], R]) -> R:
        attempt = 0
        while True:
            attempt += 1
            try:
                return read(await self._post_once(path, body))
            except _TryAgainError as failure:
                if attempt > self.retries:
                    tried = f" ({attempt} attempts)" if attempt > 1 else ""
                    raise ModelServerError(f"{failure}{tried}") from failure
                # Jitter spreads the retries of a batch; it changes no answer.
                wait = min(self.backoff * 2 ** (attempt - 1), _MAX_WAIT_S)
                wait *= random.uniform(0.5, 1.0)
                await asyncio.sleep(max(wait, min(failure.wait_s or 0.0, _MAX_WAIT_S)))

    async def _post_once(self, path: str, body: dict[str, Any]) -> Any:
        response = await self._send(path, body)
        if (
            response.status_code == 400
            and "return_token_ids" in response.text
            and body.pop("return_token_ids", None)
        ):
            # A server other than vLLM that checks its arguments: logprobs come without ids.
            self._tells_token_ids = False
            response = await self._send(path, body)
        self._check(path, response)
        return response

    async def _send(self, path: str, body: dict[str, Any]) -> Any:
        httpx = _httpx()
        try:
            return await self._answer(path, body)
        except (asyncio.TimeoutError, TimeoutError) as error:
            raise _TryAgainError(
                f"no answer from {self.base_url} within {self.timeout:g} s; raise timeout=, or "
                "lower concurrency= or max_tokens="
            ) from error
        except httpx.ConnectError as error:
            raise _TryAgainError(
                f"cannot connect to {self.base_url} ({error}); start the server, e.g. python -m "
                f"vllm.entrypoints.openai.api_server --model {self._model}, or correct base_url="
            ) from error
        except httpx.TransportError as error:
            raise _TryAgainError(
                f"{self.base_url} dropped the connection in the middle of an answer "
                f"({type(error).__name__}: {error})"
            ) from error

    async def _answer(self, path: str, body: dict[str, Any]) -> Any:
        free = self._slots()
        client = await free.get()
        try:
            return await asyncio.wait_for(
                client.post(self.base_url + path, json=body), self.timeout
            )
        except (asyncio.CancelledError, asyncio.TimeoutError, TimeoutError):
            client = self._instead_of(client)
            raise
        finally:
            free.put_nowait(client)

    def _slots(self) -> asyncio.LifoQueue[Any]:
        """A client for each request that may be in flight; the last one used is the next.

        One client with many connections looks through all of them at every request and every
        answer: for 256 of them that takes it more time than all the rest.
        """
        loop = asyncio.get_running_loop()
        if self._free is None or self._client_loop is not loop:
            self._trusted = _httpx().create_ssl_context()
            self._clients = [self._client() for _ in range(self.concurrency)]
            self._worn = []
            self._client_loop, self._free = loop, asyncio.LifoQueue()
            for client in self._clients:
                self._free.put_nowait(client)
        return self._free

    def _instead_of(self, client: Any) -> Any:
        """A new client: one whose request was cut off may wait for its own connection for ever."""
        fresh = self._client()
        self._worn.append(client)
        self._clients = [fresh if one is client else one for one in self._clients]
        return fresh

    def _client(self) -> Any:
        httpx = _httpx()
        key = self._api_key or os.environ.get("OPENAI_API_KEY")
        return httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=None,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            verify=self._trusted,
        )

    def _check(self, path: str, response: Any) -> None:
        """Sort a status into fine, try again, and give up."""
        status = response.status_code
        if status < 300:
            return
        said = _server_message(response)
        where = f"{self.base_url}{path}"
        if status in (408, 409, 425, 429) or status >= 500:
            raise _TryAgainError(f"{where} answered {status}: {said}", _retry_after(response))
        if status in (401, 403):
            raise ModelServerError(
                f"{where} refused the key ({status}: {said}); give api_key= or set OPENAI_API_KEY"
            )
        if status == 404:
            raise ModelServerError(
                f"{where} answered 404: {said}; is {self._model!r} what the server serves (see "
                f"{self.base_url}/models), and does base_url end in /v1?"
            )
        if "context length" in said or "context_length" in said or "too long" in said.lower():
            raise ModelServerError(
                f"a prompt and its max_tokens={_asked_tokens(response)} do not fit the context of "
                f"{self._model!r}: {said}; serve a longer context or lower max_tokens="
            )
        raise ModelServerError(f"{where} refused the request ({status}: {said})")


def _httpx() -> Any:
    try:
        import httpx
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "a chat server needs the package httpx: pip install 'crsgym[chat]'"
        ) from error
    return httpx


def _completion(response: Any) -> Completion:
    """Read one chat completion.

    Raises:
        _TryAgainError: what came is not one.
    """
    try:
        answer = response.json()
        choice = answer["choices"][0]
        message = choice["message"]
        # A server with a reasoning parser takes the thoughts out of the text; the answer's form
        # (and its reward) includes them.
        thoughts = message.get("reasoning_content") or message.get("reasoning")
        text = message.get("content") or ""
        tokens = (choice.get("logprobs") or {}).get("content") or ()
        return Completion(
            text=f"<think>\n{thoughts.strip()}\n</think>\n{text}" if thoughts else text,
            finish_reason=choice.get("finish_reason") or "stop",
            prompt_ids=tuple(answer.get("prompt_token_ids") or ()),
            token_ids=tuple(choice.get("token_ids") or ()),
            logprobs=tuple(float(token["logprob"]) for token in tokens),
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise _TryAgainError(
            f"{response.url} answered something that is no chat completion: {response.text[:200]!r}"
        ) from error


def _server_message(response: Any) -> str:
    """What the server said is wrong, on one line."""
    try:
        answer = response.json()
    except ValueError:
        answer = None
    error = answer.get("error", answer) if isinstance(answer, dict) else None
    said = error.get("message") or error.get("detail") if isinstance(error, dict) else error
    return " ".join(str(said or response.text or "no reason given").split())[:500]


def _retry_after(response: Any) -> float | None:
    try:
        return float(response.headers.get("retry-after", ""))
    except ValueError:
        return None


def _asked_tokens(response: Any) -> Any:
    import json

    return json.loads(response.request.content).get("max_tokens")


__all__ = ["ServerChatModel"]
