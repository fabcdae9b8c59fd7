"""Record and replay: an episode with a chat model, again, exactly and offline.

One SQLite file holds every completion under a key of (model, messages, sampling, seed). A batch is
written in one transaction, so a kill loses at most the batch in flight; several processes may
share the file.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from crsgym.errors import ArtifactError, ConfigurationError, ReplayMissError
from crsgym.protocols import ChatModel, Completion, Message, Sampling, describe
from crsgym.types import from_json, to_json

FORMAT = "crsgym-chat-cache-1"

_TABLES = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS completions (
    key TEXT PRIMARY KEY, prompt TEXT NOT NULL, completion BLOB NOT NULL);
"""


def completion_key(
    model: str, messages: Sequence[Message], sampling: Sampling, seed: int | None
) -> str:
    """The sha256 (hex) under which a completion is kept.

    A greedy answer does not depend on the seed, so its key does not either.
    """
    question = [
        model,
        [[m["role"], m["content"]] for m in messages],
        msgspec.to_builtins(sampling),
        None if sampling.temperature == 0 else seed,
    ]
    text = json.dumps(question, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


class CachedChatModel:
    """A chat model that remembers.

    Args:
        model: whom to ask what is not known yet; ``None`` replays only.
        path: the SQLite file; its folder is made when needed.

    Raises:
        ConfigurationError: replay from a file that is not there, or a file of another model.
        ArtifactError: a file that is no such cache.
    """

    def __init__(self, model: ChatModel | None, path: str | Path) -> None:
        self.path = Path(path)
        if model is None and not self.path.is_file():
            raise ConfigurationError(
                f"nothing to replay: {self.path} is not there; record it first with "
                f"CachedChatModel(model, {str(self.path)!r})"
            )
        self._model = model
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._connection() as database:
            database.executescript(_TABLES)
            about = dict(database.execute("SELECT name, value FROM about"))
            if not about and model is not None:
                spec = {k: v for k, v in describe(model).items() if k != "class"}
                about = {"format": FORMAT, "model": model.name, "spec": json.dumps(spec)}
                database.executemany("INSERT OR IGNORE INTO about VALUES (?, ?)", about.items())
        if about.get("format") != FORMAT:
            raise ArtifactError(f"{self.path} is not a chat cache of format {FORMAT}")
        if model is not None and about["model"] != model.name:
            raise ConfigurationError(
                f"{self.path} holds answers of {about['model']!r}, not of {model.name!r}; "
                "give each model a cache of its own"
            )
        self.name = about["model"]
        self._spec: dict[str, Any] = json.loads(about["spec"])

    @property
    def nondeterministic(self) -> bool:
        """Whether asking again may bring something new: never when it only replays."""
        return self._model is not None

    def complete(
        self,
        prompts: Sequence[Sequence[Message]],
        sampling: Sampling,
        seeds: Sequence[int] | None = None,
    ) -> list[Completion]:
        """One completion per prompt, from the file where it is known.

        Raises:
            ReplayMissError: a prompt that was never recorded, when it only replays.
            ModelServerError: from the model that is asked.
        """
        rows: Sequence[int | None] = [None] * len(prompts) if seeds is None else seeds
        keys = [
            completion_key(self.name, prompt, sampling, seed)
            for prompt, seed in zip(prompts, rows, strict=True)
        ]
        known = self._read(keys)
        # A prompt that stands in the batch twice is asked once, as a replay will answer it.
        missing = {key: row for row, key in enumerate(keys) if key not in known}
        if missing:
            order = list(missing.values())
            if self._model is None:
                raise self._miss(prompts[order[0]], sampling, rows[order[0]], len(order))
            answers = self._model.complete(
                [prompts[row] for row in order],
                sampling,
                None if seeds is None else [seeds[row] for row in order],
            )
            fresh = dict(zip(missing, answers, strict=True))
            self._write({key: (prompts[missing[key]], fresh[key]) for key in fresh})
            known.update(fresh)
        return [known[key] for key in keys]

    def spec(self) -> dict[str, Any]:
        """The spec of the model that was recorded: a replay is the same environment."""
        return dict(self._spec)

    def __len__(self) -> int:
        with self._connection() as database:
            return int(database.execute("SELECT COUNT(*) FROM completions").fetchone()[0])

    def _read(self, keys: Sequence[str]) -> dict[str, Completion]:
        found: dict[str, Completion] = {}
        unique = list(dict.fromkeys(keys))
        with self._connection() as database:
            for start in range(0, len(unique), 500):  # SQLite's limit on parameters is 999
                part = unique[start : start + 500]
                marks = ",".join("?" * len(part))
                query = f"SELECT key, completion FROM completions WHERE key IN ({marks})"
                for key, data in database.execute(query, part):
                    found[key] = from_json(data, Completion)
        return found

    def _write(self, fresh: dict[str, tuple[Sequence[Message], Completion]]) -> None:
        records = [
            (key, json.dumps(list(prompt), ensure_ascii=False), to_json(completion))
            for key, (prompt, completion) in fresh.items()
        ]
        with self._connection() as database:
            database.executemany("INSERT OR IGNORE INTO completions VALUES (?, ?, ?)", records)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        # A connection a call: it may be used from any thread, and survives a fork.
        database = sqlite3.connect(self.path, timeout=60)
        try:
            with database:
                yield database
        except sqlite3.DatabaseError as error:
            raise ArtifactError(f"{self.path} cannot be used as a chat cache: {error}") from error
        finally:
            database.close()

    def _miss(
        self, prompt: Sequence[Message], sampling: Sampling, seed: int | None, count: int
    ) -> ReplayMissError:
        words = " ".join(prompt[-1]["content"].split())
        shown = words if len(words) <= 200 else words[:100] + " ... " + words[-100:]
        return ReplayMissError(
            f"{self.path} has no answer of {self.name!r} to {count} prompt(s), the first being "
            f"{shown!r} (temperature {sampling.temperature:g}, max_tokens {sampling.max_tokens}, "
            f"seed {seed}); run again with the model, or with the settings it was recorded with"
        )


def replay(path: str | Path) -> CachedChatModel:
    """The chat model that a cache file recorded, without the model.

    Raises:
        ConfigurationError: when the file is not there.
    """
    return CachedChatModel(None, path)


__all__ = ["CachedChatModel", "completion_key", "replay"]
