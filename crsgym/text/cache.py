"""A cache of text vectors on disk: a text is encoded once ever, by whichever process comes first.

One SQLite database in WAL mode holds the vectors of one encoder. SQLite gives what a cache shared
by many processes needs: writers take turns, a reader never sees half a write, and a process killed
at any point leaves the last committed state. WAL needs a local file system, not a network one.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crsgym.data.download import cache_root
from crsgym.errors import ConfigurationError
from crsgym.protocols import TextEncoder, describe
from crsgym.types import FloatArray, to_json

if TYPE_CHECKING:
    from typing_extensions import Self

_CHUNK = 512
_BUSY_SECONDS = 120.0
_DIM_KEY = b"dim"
_TABLE = """CREATE TABLE IF NOT EXISTS vectors
    (key BLOB PRIMARY KEY, vector BLOB NOT NULL, checksum BLOB NOT NULL) WITHOUT ROWID"""
_INSERT = "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)"


class CacheWarning(UserWarning):
    """Something in a cache was damaged or could not be stored; the results are right anyway."""


class CachedEncoder:
    """A text encoder whose vectors are kept on disk, addressed by encoder and text.

    Every row carries a checksum: a damaged one is reported, encoded anew and replaced. A damaged
    database is reported, left where it is for inspection, and a new one is begun beside it.

    Args:
        encoder: what to ask for texts not seen before; its ``spec()`` is part of the address.
        directory: where the databases live; created when it is not there.

    Raises:
        ConfigurationError: when the directory cannot be written.
    """

    def __init__(self, encoder: TextEncoder, directory: str | os.PathLike[str]) -> None:
        self._encoder = encoder
        self._directory = Path(directory)
        address = hashlib.sha256(to_json(describe(encoder))).hexdigest()[:32]
        self._stem = self._directory / address
        self._local = threading.local()
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"cache of text vectors: cannot create {self._directory} ({error.strerror})"
            ) from error
        self._dim = self._stored_dim()

    @classmethod
    def shared(cls, encoder: TextEncoder) -> Self:
        """The encoder with its vectors in the library's cache directory (``CRSGYM_CACHE``)."""
        return cls(encoder, cache_root().with_name("vectors"))

    @property
    def dim(self) -> int:
        """Length of a vector; known without loading the model once something was stored."""
        if self._dim is None:
            self._dim = self._encoder.dim
        return self._dim

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """As the encoder does it: float32 rows (B, dim), of which only new texts are encoded."""
        if isinstance(texts, str):
            raise TypeError("texts: expected a sequence of texts, got one str; pass [text]")
        places: dict[bytes, list[int]] = {}
        for place, text in enumerate(texts):
            key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
            places.setdefault(key, []).append(place)
        out: FloatArray = np.empty((len(texts), self.dim), dtype=np.float32)
        keys = list(places)
        missing: list[bytes] = []
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            found = self._read(chunk)
            for key in chunk:
                if key in found:
                    out[places[key]] = found[key]
                else:
                    missing.append(key)
        # Chunks of like length, each stored when it is done: a kill costs one chunk at most.
        missing.sort(key=lambda key: len(texts[places[key][0]]))
        for start in range(0, len(missing), _CHUNK):
            chunk = missing[start : start + _CHUNK]
            vectors = self._encoder.encode([texts[places[key][0]] for key in chunk])
            self._write(chunk, vectors)
            for key, vector in zip(chunk, vectors, strict=True):
                out[places[key]] = vector
        return out

    def spec(self) -> dict[str, Any]:
        """What the vectors depend on: the encoder."""
        return {"encoder": describe(self._encoder)}

    @property
    def path(self) -> Path:
        """The database in use: the first of its line that was not found to be damaged."""
        return next(path for path in self._generations() if not _mark(path).exists())

    def _generations(self) -> Iterator[Path]:
        return (self._stem.with_name(f"{self._stem.name}.{n}.sqlite") for n in count())

    def _connect(self) -> sqlite3.Connection:
        """This thread's connection; SQLite's must be shared with no other thread or process."""
        path, owner = self.path, os.getpid()
        if getattr(self._local, "key", None) != (path, owner):
            self._local.connection, self._local.key = _open(path), (path, owner)
        connection = self._local.connection
        if not isinstance(connection, sqlite3.Connection):
            raise TypeError(f"expected a database connection, got {connection!r}")
        return connection

    def _select(self, keys: Sequence[bytes]) -> tuple[dict[bytes, bytes], int]:
        """What is stored for some keys, and how many of the entries are damaged."""
        marks = ",".join("?" * len(keys))
        query = f"SELECT key, vector, checksum FROM vectors WHERE key IN ({marks})"
        try:
            rows = self._connect().execute(query, keys).fetchall()
        except sqlite3.OperationalError as error:
            _report(f"{self.path} could not be read: {error}")
            return {}, 0
        except sqlite3.DatabaseError as error:
            self._abandon(error)
            return {}, 0
        sound = {key: blob for key, blob, checksum in rows if checksum == _checksum(key, blob)}
        return sound, len(rows) - len(sound)

    def _read(self, keys: Sequence[bytes]) -> dict[bytes, FloatArray]:
        """The stored vectors of some keys; what is damaged counts as not stored."""
        blobs, damaged = self._select(keys)
        found = {key: np.frombuffer(blob, "<f4") for key, blob in blobs.items()}
        sound = {key: vector for key, vector in found.items() if len(vector) == self.dim}
        damaged += len(found) - len(sound)
        if damaged:
            _report(f"{damaged} damaged entries in {self.path}; encoding those texts again")
        return sound

    def _write(self, keys: Sequence[bytes], vectors: FloatArray) -> None:
        blobs = [vector.astype("<f4").tobytes() for vector in vectors]
        entries = [(_DIM_KEY, self.dim.to_bytes(4, "little")), *zip(keys, blobs, strict=True)]
        try:
            connection = self._connect()
            with connection:
                connection.executemany(_INSERT, [(k, b, _checksum(k, b)) for k, b in entries])
        except sqlite3.OperationalError as error:
            _report(f"{len(blobs)} vectors could not be stored in {self.path}: {error}")
        except sqlite3.DatabaseError as error:
            self._abandon(error)

    def _stored_dim(self) -> int | None:
        blob = self._select([_DIM_KEY])[0].get(_DIM_KEY)
        return None if blob is None else int.from_bytes(blob, "little")

    def _abandon(self, error: sqlite3.DatabaseError) -> None:
        """Give up a damaged database for good, in every process, without touching its bytes."""
        path = self.path
        _report(f"{path} is damaged ({error}); starting a new database beside it")
        _mark(path).touch()
        self._local.key = None


def _open(path: Path) -> sqlite3.Connection:
    """A connection to a database, which is made when it is not there."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection = sqlite3.connect(path, timeout=_BUSY_SECONDS)
            # SQLite does not wait for its turn here: when two begin one database, one is refused.
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(_TABLE)
        except sqlite3.OperationalError as error:
            if "locked" in str(error) and time.monotonic() < deadline:
                time.sleep(0.01)
                continue
            raise ConfigurationError(
                f"cache of text vectors: cannot open {path} for writing ({error})"
            ) from error
        else:
            return connection


def _checksum(key: bytes, vector: bytes) -> bytes:
    return hashlib.blake2b(key + vector, digest_size=8).digest()


def _mark(path: Path) -> Path:
    return path.with_name(path.name + ".damaged")


def _report(what: str) -> None:
    warnings.warn(f"cache of text vectors: {what}", CacheWarning, stacklevel=3)


__all__ = ["CacheWarning", "CachedEncoder"]
