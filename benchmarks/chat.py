"""How busy 256 concurrent episodes keep a chat server, beside a bare load generator.

    python benchmarks/chat.py --model runs/user/merged       # starts vLLM's server, and stops it
    python benchmarks/chat.py --model NAME --base-url http://127.0.0.1:8000/v1

Episodes of Synthetic-v0 are played with an ``llm`` user on the server, in two rollouts side by side
so that one asks while the other waits (``--streams 1``: in one); then the very same prompts
are posted again, all of one length of answer, by a loop over aiohttp that does nothing else. Both
have the same number of requests in flight, over connections that are open. Printed are answers per
second of both, by turns, what they cost the client, and the median ratio. The server keeps no
prefixes: that would make a present of the first pass to the second.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import aiohttp

import crsgym
from crsgym import data
from crsgym.chat.server import ServerChatModel
from crsgym.protocols import Completion, Message, Sampling
from crsgym.rollout import rollout
from crsgym.simulators.llm import LLMSimulator
from crsgym.task import Task


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
    options.add_argument("--streams", type=int, default=2, help="rollouts that share the episodes")
    options.add_argument("--turns", type=int, default=3)
    options.add_argument("--tokens", type=int, default=48, help="length of every answer")
    options.add_argument("--rounds", type=int, default=2)
    args = options.parse_args()
    with contextlib.ExitStack() as stack:
        url = args.base_url or stack.enter_context(served(args.model))
        shares = []
        for turn in range(args.rounds):
            played, prompts = episodes(args, url, seed=turn)
            bare = asyncio.run(load(args, url, prompts))
            shares.append(bare.wall_s / played.wall_s)
            print(f"round {turn + 1}: {len(prompts)} answers of {args.tokens} tokens; ", end="")
            for name, took in (("episodes", played), ("bare", bare)):
                rate, cost = len(prompts) / took.wall_s, 1e3 * took.cpu_s / len(prompts)
                print(f"{name} {rate:.1f}/s, {cost:.1f} ms of the client's CPU each; ", end="")
            print(f"{shares[-1]:.0%}", flush=True)
        share = statistics.median(shares)
        print(
            f"{args.concurrency} episodes in {args.streams} streams keep the server at {share:.0%} "
            "of the bare load (median)"
        )


@dataclass(frozen=True)
class Took:
    """What a load cost."""

    wall_s: float
    cpu_s: float
    """Of this process; the server is another."""


@contextlib.contextmanager
def timed() -> Iterator[list[Took]]:
    """Puts what its body took into the list."""
    took: list[Took] = []
    wall, cpu = time.perf_counter(), time.process_time()
    yield took
    took.append(Took(time.perf_counter() - wall, time.process_time() - cpu))


def episodes(args: argparse.Namespace, url: str, seed: int) -> tuple[Took, list[Sequence[Message]]]:
    """What the episodes take, and every prompt that they asked.

    In each of the streams a world of its own plays its share: when one stream's batch is answered,
    and the next has to be made, the others' requests are still with the server.
    """
    fixed = {"ignore_eos": True, "min_tokens": args.tokens}
    model = ServerChatModel(
        args.model, base_url=url, concurrency=args.concurrency, timeout=600, extra_body=fixed
    )
    tap = Tap(model)
    sampling = Sampling(max_tokens=args.tokens)

    def task() -> Task:
        user = LLMSimulator(data.load("synthetic").catalogue, tap, sampling=sampling)
        return crsgym.make_task(
            "Synthetic-v0",
            split="train",
            simulator=user,
            max_turns=args.turns,
            success="never",
            list_length=4,
        )

    def play(stream: int, task: Task) -> None:
        first = seed * args.episodes
        chosen = task.scenarios[first + stream : first + args.episodes : args.streams]
        size = args.concurrency // args.streams
        rollout("retriever", task, scenarios=chosen, batch_size=size, progress=False)

    tasks = [task() for _ in range(args.streams)]
    # Connections are opened before, here as there.
    warm_up: list[Message] = [{"role": "user", "content": "warm up"}]
    model.complete([warm_up] * args.concurrency, sampling)
    with ThreadPoolExecutor(args.streams) as threads, timed() as took:
        list(threads.map(play, range(args.streams), tasks))
    model.close()
    return took[0], tap.prompts


async def load(args: argparse.Namespace, url: str, prompts: Sequence[Sequence[Message]]) -> Took:
    """What the same requests take, sent by nothing but a loop."""
    gate = asyncio.Semaphore(args.concurrency)
    connector = aiohttp.TCPConnector(limit=args.concurrency)
    patience = aiohttp.ClientTimeout(total=600)
    async with aiohttp.ClientSession(connector=connector, timeout=patience) as client:

        async def post(prompt: Sequence[Message]) -> None:
            body = {
                "model": args.model,
                "messages": list(prompt),
                "max_tokens": args.tokens,
                "temperature": 0,
                "ignore_eos": True,
                "min_tokens": args.tokens,
            }
            async with gate, client.post(url + "/chat/completions", json=body) as response:
                response.raise_for_status()
                await response.read()

        warm_up: list[Message] = [{"role": "user", "content": "warm up"}]
        await asyncio.gather(*(post(warm_up) for _ in range(args.concurrency)))
        with timed() as took:
            await asyncio.gather(*map(post, prompts))
        return took[0]


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
