"""How fast items are found, as catalogues grow, and how much of that is the machine's limit.

    python benchmarks/retrieval.py [--sizes 1000 100000 1000000] [--dim 256] [--hnsw-up-to 100000]
    python benchmarks/retrieval.py --parts search --sizes 1000000 --kinds hnsw --hnsw-up-to 1000000

Three parts, with one BLAS thread per processor:

* search alone, batch 1 and 64: exact, FAISS flat, HNSW and IVF; queries a second, recall@20 against
  exact, memory, and how near one query comes to the time of reading the vectors once;
* the dual-view retriever at 100,000 items with 64 conversations, encoder excluded, beside the bare
  product and top-k on the same vectors;
* what the measured slope says of ten million items (on paper).

Vectors are Gaussian with a spectrum that falls as 1/sqrt(rank), as that of text embeddings roughly
does; queries are noisy copies of items. On vectors with a flat spectrum approximate indexes find
much less than here. The last line says how busy other programs kept the machine meanwhile.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import ThreadpoolController

from crsgym.data.catalogue import Catalogue
from crsgym.data.dataset import Dataset
from crsgym.retrieval.index import Index, build_index, open_vectors, save_vectors
from crsgym.retrieval.topk import top_k
from crsgym.types import Attribute, Context, FloatArray, Item, Utterance

KINDS = ("exact", "flat", "hnsw", "ivf")
PARTS = ("search", "dual-view")
K = 20
BATCHES = (1, 64)
CELLS = 1_000
RECALL_QUERIES = 256
DUAL_ITEMS = 100_000


def embeddings(n: int, dim: int, rng: np.random.Generator) -> FloatArray:
    """Unit vectors with a falling spectrum, float32 (n, dim)."""
    vectors = rng.standard_normal((n, dim), dtype=np.float32)
    vectors /= np.sqrt(np.arange(1, dim + 1, dtype=np.float32))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def best_seconds(work: Callable[[], object], budget: float = 3.0) -> float:
    """The shortest of several runs: what the work costs when nothing else is in its way."""
    work()
    times: list[float] = []
    while len(times) < 3 or (sum(times) < budget and len(times) < 200):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def best_of_each(works: Mapping[str, Callable[[], object]], rounds: int = 100) -> dict[str, float]:
    """The shortest run of each, in turns, so that what else the machine does hits all alike."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def readings(vectors: FloatArray) -> dict[str, Callable[[], object]]:
    """Ways to read an array once with all processors together; the fastest is what memory allows.

    Threads are kept from one reading to the next: it is to cost what the memory costs.
    """
    parts = [part.reshape(-1) for part in np.array_split(vectors, os.cpu_count() or 1)]
    pool = ThreadPoolExecutor(len(parts))
    blas = ThreadpoolController().select(user_api="blas")

    def product() -> object:
        with blas.limit(limits=1):
            return list(pool.map(lambda part: part @ part, parts))

    def largest() -> object:
        return list(pool.map(lambda part: part.view(np.int64).max(), parts))

    return {"read by dot product": product, "read by largest word": largest}


def busy() -> tuple[float, float]:
    """Seconds of processor time used so far: on the whole machine, and by this process."""
    with Path("/proc/stat").open(encoding="ascii") as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    ticks = user + nice + system + irq + softirq + steal
    return ticks / os.sysconf("SC_CLK_TCK"), time.process_time()


def resident() -> int:
    """Bytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def indexes(n: int, kinds: Sequence[str], hnsw_up_to: int) -> list[tuple[str, dict[str, int]]]:
    """The indexes measured at a size; the first of them is exact."""
    found: list[tuple[str, dict[str, int]]] = [("exact", {}), ("flat", {})]
    if n <= hnsw_up_to:
        found.append(("hnsw", {"effort": 64}))
    if n >= 40 * CELLS:
        found.append(("ivf", {"cells": CELLS, "effort": 48}))
    return [(kind, options) for kind, options in found if kind == "exact" or kind in kinds]


def search_table(
    console: Console, sizes: Sequence[int], dim: int, kinds: Sequence[str], hnsw_up_to: int
) -> dict[int, float]:
    """Measure search alone; returns the seconds of an exact query, by size."""
    table = Table(title=f"search, {dim} dimensions, top {K}")
    columns = "items index batch ms queries/s GB/s of_limit recall@20 build_s memory_MB".split()
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    slope: dict[int, float] = {}
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            made = embeddings(n, dim, rng)
            vectors = open_vectors(save_vectors(Path(folder) / f"{n}.npy", [made], made.shape))
            queries = made[rng.integers(n, size=RECALL_QUERIES)]
            queries = queries + 0.7 * embeddings(RECALL_QUERIES, dim, rng)
            del made
            truth: FloatArray | None = None
            for kind, options in indexes(n, kinds, hnsw_up_to):
                gc.collect()
                before, start = resident(), time.perf_counter()
                index: Index = build_index(vectors, kind, options)  # type: ignore[arg-type]
                build, memory = time.perf_counter() - start, resident() - before
                found = index.search(queries, K)[0]
                truth = found if truth is None else truth
                hits = [len(np.intersect1d(a, b)) for a, b in zip(truth, found, strict=True)]
                for batch in BATCHES:
                    search = partial(index.search, queries[:batch], K)
                    share = ("", "")
                    if kind in ("exact", "flat") and batch == 1:
                        best = best_of_each({**readings(vectors), "search": search})
                        seconds = best.pop("search")
                        rate = vectors.nbytes / seconds / 1e9
                        share = (f"{rate:.1f}", f"{min(best.values()) / seconds:.0%}")
                    else:
                        seconds = best_seconds(search)
                    if kind == "exact" and batch == 1:
                        slope[n] = seconds
                    table.add_row(
                        *(f"{n:,}", kind, str(batch), f"{seconds * 1e3:.2f}"),
                        f"{batch / seconds:,.0f}",
                        *share,
                        *(f"{np.mean(hits) / K:.3f}", f"{build:.1f}", f"{memory / 2**20:,.0f}"),
                    )
                del index
            table.add_section()
    console.print(table)
    console.print(
        "of limit: the time of reading the vectors once (the faster of two ways, in turns with the "
        "search) over the search's.\nmemory: what building the index added; the vectors of `exact` "
        f"are a memory map, {4 * dim / 1024:.0f} KiB an item.\n"
    )
    return slope


def bare(queries: FloatArray, items: FloatArray) -> object:
    """The product and the top-k, and nothing else."""
    return top_k(queries @ items.T, K)


def dual_view_table(console: Console, dim: int) -> None:
    """Measure the dual-view retriever beside the bare search on its own vectors."""
    from crsgym.retrieval.dual_view import DualViewRetriever
    from crsgym.retrieval.fusion import DualViewFusion
    from crsgym.text.tfidf import HashedTfidf

    rng = np.random.default_rng(1)
    genres = [Attribute("genre", f"genre{g}") for g in range(40)]
    people = [Attribute("director", f"Person Number{p}") for p in range(2_000)]
    items = [
        Item(
            str(i),
            f"Film {i} (2000)",
            2000,
            (genres[int(rng.integers(40))], people[int(rng.integers(2_000))]),
        )
        for i in range(DUAL_ITEMS)
    ]
    dataset = Dataset("made", Catalogue(items), {"train": ()}, fingerprint="made")
    nodes = DUAL_ITEMS + dataset.graph.num_attributes
    retriever = DualViewRetriever(
        dataset,
        DualViewFusion(384, dim // 2),
        embeddings(nodes, dim // 2, rng),
        embeddings(DUAL_ITEMS, dim, rng),
        HashedTfidf(384),
        {},
        {},
    )
    contexts = [
        Context(
            tuple(
                Utterance("seeker", f"I liked genre{g} by Person Number{g}", (int(i),))
                for g, i in enumerate(rng.integers(DUAL_ITEMS, size=8))
            ),
            feedback=f"more genre{b % 40}, please",
        )
        for b in range(64)
    ]
    # Text vectors and entity links are kept from the first call on: the encoder is not measured.
    queries = retriever.queries(contexts)
    vectors = retriever._items
    rows = best_of_each(
        {
            "product and top-k": lambda: bare(queries, vectors),
            "index.search": lambda: retriever._index.search(queries, K),
            "queries (text and graph sides, fusion)": lambda: retriever.queries(contexts),
            "retrieve": lambda: retriever.retrieve(contexts, K),
        }
    )
    reference = rows["product and top-k"]
    table = Table(title=f"dual view, {DUAL_ITEMS:,} items, 64 conversations, encoder excluded")
    for column in ("what", "ms", "of product and top-k", "of index.search"):
        table.add_column(column, justify="right")
    for name, seconds in rows.items():
        table.add_row(
            name,
            f"{seconds * 1e3:.2f}",
            f"{seconds / reference:.2f}",
            f"{seconds / rows['index.search']:.2f}",
        )
    console.print(table)


def main() -> None:
    """Measure, and print the tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sizes", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    options.add_argument("--dim", type=int, default=256, help="dual view: twice Dim_c")
    options.add_argument("--hnsw-up-to", type=int, default=100_000, help="building it takes long")
    options.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    options.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    args = options.parse_args()
    console = Console(width=120)
    console.print(f"{platform.machine()}, {os.cpu_count()} processors, NumPy {np.__version__}\n")
    before, start = busy(), time.perf_counter()
    if "search" in args.parts:
        slope = search_table(console, args.sizes, args.dim, args.kinds, args.hnsw_up_to)
        largest = max(slope)
        console.print(
            f"10,000,000 items on paper: {slope[largest] * 1e10 / largest:.0f} ms an exact query, "
            f"{4e7 * args.dim / 2**30:.1f} GiB of vectors.\n"
        )
    if "dual-view" in args.parts:
        dual_view_table(console, args.dim)
    machine, own = (after - then for after, then in zip(busy(), before, strict=True))
    room = (time.perf_counter() - start) * (os.cpu_count() or 1)
    console.print(f"other programs used {max(0.0, machine - own) / room:.0%} of the processors")


if __name__ == "__main__":
    main()
