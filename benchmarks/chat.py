"""How busy 256 concurrent episodes keep a chat server, beside a bare load generator.

    python benchmarks/chat.py --model runs/user/merged       # starts vLLM's server, and stops it
    python benchmarks/chat.py --model NAME --base-url http://127.0.0.1:8000/v1

Episodes of Synthetic-v0 are played with an ``llm`` user on the server; then the very same prompts
are posted again, all of one length of answer, by a loop that does nothing else. Both have the same
number of requests in flight. Printed are answers per second of both, by turns, and the ratio of the
totals. The server keeps no prefixes: that would make a present of the first pass to the second.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence

import httpx

import crsgym
from crsgym.chat.server import ServerChatModel
from crsgym.protocols import Completion, Message, Sampling
from crsgym.rollout import rollout
from crsgym.simulators.llm import LLMSimulator


class Tap:
    """Passes prompts on, and keeps them."""

    def __init__(self, model: ServerChatModel) -> None:
        self.name, self.model = model.name, model
        self.prompts: list[Sequence[Message]] = []

    def complete(
        self,
        prompts: Sequence[Sequence[Message]],
        sampling: Sampling,
        seeds: Sequence[int] | None = None,
    ) -> list[Completion]:
        """As the model."""
        self.prompts += prompts
        return self.model.complete(prompts, sampling, seeds)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--model", required=True)
    options.add_argument("--base-url", default=None)
    options.add_argument("--episodes", type=int, default=512)
    options.add_argument("--concurrency", type=int, default=256)
    options.add_argument("--turns", type=int, default=3)
    options.add_argument("--tokens", type=int, default=48, help="length of every answer")
    options.add_argument("--rounds", type=int, default=2)
    args = options.parse_args()
    with contextlib.ExitStack() as stack:
        url = args.base_url or stack.enter_context(served(args.model))
        total = {"episodes": 0.0, "bare": 0.0}
        for turn in range(args.rounds):
            took, prompts = episodes(args, url, seed=turn)
            bare = asyncio.run(load(args, url, prompts))
            total["episodes"] += took
            total["bare"] += bare
            print(
                f"round {turn + 1}: {len(prompts)} answers of {args.tokens} tokens; "
                f"episodes {len(prompts) / took:.1f}/s, bare {len(prompts) / bare:.1f}/s",
                flush=True,
            )
        share = total["bare"] / total["episodes"]
        print(f"{args.concurrency} episodes keep the server at {share:.0%} of the bare load")


def episodes(
    args: argparse.Namespace, url: str, seed: int
) -> tuple[float, list[Sequence[Message]]]:
    """Seconds that the episodes take, and every prompt that they asked."""
    fixed = {"ignore_eos": True, "min_tokens": args.tokens}
    model = ServerChatModel(
        args.model, base_url=url, concurrency=args.concurrency, timeout=600, extra_body=fixed
    )
    task = crsgym.make_task("Synthetic-v0", split="train", max_turns=args.turns, success="never")
    tap = Tap(model)
    user = LLMSimulator(task.dataset.catalogue, tap, sampling=Sampling(max_tokens=args.tokens))
    task = crsgym.make_task(
        "Synthetic-v0",
        split="train",
        simulator=user,
        max_turns=args.turns,
        success="never",
        list_length=4,
    )
    first = seed * args.episodes
    chosen = task.scenarios[first : first + args.episodes]
    model.complete([[{"role": "user", "content": "warm up"}]] * 8, user.sampling)
    start = time.perf_counter()
    rollout("retriever", task, scenarios=chosen, batch_size=args.concurrency, progress=False)
    took = time.perf_counter() - start
    model.close()
    return took, tap.prompts


async def load(args: argparse.Namespace, url: str, prompts: Sequence[Sequence[Message]]) -> float:
    """Seconds that the same requests take, sent by nothing but a loop."""
    gate = asyncio.Semaphore(args.concurrency)
    limits = httpx.Limits(max_connections=args.concurrency)
    async with httpx.AsyncClient(timeout=600, limits=limits) as client:

        async def post(prompt: Sequence[Message]) -> None:
            body = {
                "model": args.model,
                "messages": list(prompt),
                "max_tokens": args.tokens,
                "temperature": 0,
                "ignore_eos": True,
                "min_tokens": args.tokens,
            }
            async with gate:
                try:
                    response = await client.post(url + "/chat/completions", json=body)
                except httpx.TransportError:  # a kept connection that the server has closed
                    response = await client.post(url + "/chat/completions", json=body)
                response.raise_for_status()

        start = time.perf_counter()
        await asyncio.gather(*map(post, prompts))
        return time.perf_counter() - start


@contextlib.contextmanager
def served(model: str) -> Iterator[str]:
    """Run vLLM's OpenAI server on a free port, for as long as it is needed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", model),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--enforce-eager", "--no-enable-prefix-caching", "--dtype", "float32"),
    ]
    environment = {"VLLM_CPU_KVCACHE_SPACE": "1", **os.environ}
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    try:
        while process.poll() is None:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2)
                yield f"http://127.0.0.1:{port}/v1"
                return
            time.sleep(0.5)
        raise SystemExit("vLLM's server ended before it was ready; start it by hand to see why")
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
