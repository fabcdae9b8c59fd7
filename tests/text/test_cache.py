"""The cache of text vectors: hits, damage, many processes, kills at any point."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from crsgym.errors import ConfigurationError
from crsgym.text.cache import CachedEncoder, CacheWarning
from crsgym.types import FloatArray


class Recorder:
    """An encoder whose vectors say which text they are of, and which counts what it is asked."""

    def __init__(self, dim: int = 8, salt: str = "") -> None:
        self.dim = dim
        self.salt = salt
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> FloatArray:
        self.asked += texts
        digests = [hashlib.sha256(t.encode("utf-8", "surrogatepass")).digest() for t in texts]
        rows = [np.frombuffer(d[: self.dim], np.uint8) for d in digests]
        return np.array(rows, dtype=np.float32).reshape(len(texts), self.dim)

    def spec(self) -> dict[str, object]:
        return {"dim": self.dim, "salt": self.salt}


def truth(texts: Sequence[str]) -> FloatArray:
    return Recorder().encode(texts)


def test_a_text_is_encoded_once_ever(tmp_path: Path) -> None:
    first = Recorder()
    texts = ["b", "a", "b", "", "\ud800", "a" * 10_000]
    assert np.array_equal(CachedEncoder(first, tmp_path).encode(texts), truth(texts))
    assert sorted(first.asked) == sorted(set(texts))
    second = Recorder()
    cached = CachedEncoder(second, tmp_path)
    assert cached.dim == 8
    assert np.array_equal(cached.encode([*texts, "new"]), truth([*texts, "new"]))
    assert second.asked == ["new"]


def test_no_texts_at_all(tmp_path: Path) -> None:
    assert CachedEncoder(Recorder(), tmp_path).encode([]).shape == (0, 8)


def test_another_encoder_has_other_entries(tmp_path: Path) -> None:
    CachedEncoder(Recorder(salt="x"), tmp_path).encode(["a"])
    other = Recorder(salt="y")
    CachedEncoder(other, tmp_path).encode(["a"])
    assert other.asked == ["a"]


def test_a_damaged_entry_is_reported_and_encoded_again(tmp_path: Path) -> None:
    cached = CachedEncoder(Recorder(), tmp_path)
    cached.encode(["a", "b"])
    connection = sqlite3.connect(cached.path)
    key = hashlib.sha256(b"a").digest()
    [(blob,)] = connection.execute("SELECT vector FROM vectors WHERE key = ?", [key]).fetchall()
    flipped = bytes([blob[0] ^ 1]) + blob[1:]
    connection.execute("UPDATE vectors SET vector = ? WHERE key = ?", [flipped, key])
    connection.commit()
    connection.close()
    again = Recorder()
    reopened = CachedEncoder(again, tmp_path)
    with pytest.warns(CacheWarning, match="1 damaged"):
        assert np.array_equal(reopened.encode(["a", "b"]), truth(["a", "b"]))
    assert again.asked == ["a"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(reopened.encode(["a"]), truth(["a"]))
    assert again.asked == ["a"]


@pytest.mark.parametrize("damage", ["garbage", "truncated", "zeroed page"])
def test_a_damaged_database_is_left_and_a_new_one_begun(tmp_path: Path, damage: str) -> None:
    texts = [str(i) for i in range(600)]
    cached = CachedEncoder(Recorder(), tmp_path)
    cached.encode(texts)
    cached._connect().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = cached.path
    del cached
    content = path.read_bytes()
    page = len(content) // 4096 // 2 * 4096
    spoilt = {
        "garbage": b"not a database at all" * 100,
        "truncated": content[: len(content) // 3],
        "zeroed page": content[:4096] + bytes(page) + content[4096 + page :],
    }[damage]
    path.write_bytes(spoilt)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        reopened = CachedEncoder(Recorder(), tmp_path)
        assert np.array_equal(reopened.encode(texts), truth(texts))
    assert {w.category for w in caught} == {CacheWarning}
    assert "is damaged" in str(caught[0].message)
    assert path.read_bytes()[:20] == spoilt[:20]
    assert reopened.path != path
    later = Recorder()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        third = CachedEncoder(later, tmp_path)
        # What was lost on the way is stored by now, or is stored by this call.
        third.encode(texts)
        later.asked.clear()
        assert np.array_equal(third.encode(texts), truth(texts))
    assert later.asked == []


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot create"):
        CachedEncoder(Recorder(), tmp_path / "file" / "cache")


WORKER = textwrap.dedent(
    """
    import sys, warnings
    sys.path.insert(0, {tests!r})
    from test_cache import CachedEncoder, Recorder, np, truth

    warnings.simplefilter("error")
    directory, seed = sys.argv[1], int(sys.argv[2])
    cached = CachedEncoder(Recorder(), directory)
    order = np.random.default_rng(seed)
    print("ready", flush=True)
    for round in range(10_000 if sys.argv[3] == "forever" else 30):
        texts = [f"text {{i}}" for i in order.integers(0, 1500, size=40)]
        assert np.array_equal(cached.encode(texts), truth(texts)), round
    print("done", flush=True)
    """
).format(tests=str(Path(__file__).parent))


def start(directory: Path, seed: int, how_long: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(directory), str(seed), how_long],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_many_processes_and_kills_at_any_point(tmp_path: Path) -> None:
    victims = [start(tmp_path, seed, "forever") for seed in (1, 2)]
    try:
        for i, victim in enumerate(victims):
            assert victim.stdout is not None
            assert victim.stdout.readline() == "ready\n", victim.communicate()[1]
            time.sleep(0.05 + 0.13 * i)
            assert victim.poll() is None, victim.communicate()[1]
            os.kill(victim.pid, signal.SIGKILL)
    finally:
        for victim in victims:
            victim.kill()
            victim.communicate()
    writers = [start(tmp_path, seed, "once") for seed in (3, 4, 5)]
    for writer in writers:
        out, err = writer.communicate(timeout=60)
        assert (writer.returncode, out) == (0, "ready\ndone\n"), err
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        texts = [f"text {i}" for i in range(1500)]
        assert np.array_equal(CachedEncoder(Recorder(), tmp_path).encode(texts), truth(texts))
    assert [p.name for p in tmp_path.glob("*.damaged")] == []
