"""A file of episodes: every finished conversation, kept where a kill cannot take it.

The file is JSON Lines. Its first line says what was played (environment, agent, seed); every other
line is one :class:`~crsgym.types.Episode`. Lines are only ever appended, a whole one at a time, so
a program that is killed at any moment leaves finished episodes and at most one broken last line,
which the next run drops.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from crsgym.errors import ConfigurationError, DataError, PluginError
from crsgym.types import Episode, from_json, to_json

FORMAT = "crsgym-rollout-1"


@dataclass(frozen=True)
class RolloutHeader:
    """What the episodes of a file have in common: the file's first line."""

    env: str
    """Id of the environment."""
    hash: str
    """Hash of its spec."""
    agent: str
    """Name of the agent."""
    agent_spec: dict[str, Any]
    """What the agent says of itself."""
    seed: int | None
    """Of all episodes; None where each has its own, and a scenario may be there many times."""
    format: str = FORMAT


class EpisodeFile:
    """A file of episodes, open for appending by one process.

    Args:
        path: of the file; it is made, with its folder, where it is not there.
        header: what is about to be played.

    Raises:
        ConfigurationError: when the file is of another run, no such file at all, in use, or cannot
            be written.
        DataError: when a line before the last is damaged.
    """

    def __init__(self, path: Path, header: RolloutHeader) -> None:
        self.path = path
        self.episodes: dict[str, Episode] = {}
        """The episodes that the file holds, by scenario id."""
        first = _encode(header)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, flags, 0o666)
        except OSError as error:
            raise ConfigurationError(
                f"episodes cannot be written to {path}: {error.strerror}; expected the path of a "
                "file, new or of the same run"
            ) from error
        try:
            self._lock()
            content = path.read_bytes()
            whole = content.rfind(b"\n") + 1
            if not whole and not first.startswith(content):
                raise ConfigurationError(f"{path} is no file of episodes; choose another path")
            if whole:
                written, episodes = _parse(content[:whole], path)
                _check_same(path, written, header)
                self.episodes = {episode.scenario.id: episode for episode in episodes}
            os.ftruncate(self._file, whole)
            if not whole:
                self._write(first)
        except BaseException:
            os.close(self._file)
            raise

    def append(self, episodes: Sequence[Episode]) -> None:
        """Write finished episodes; when this returns they survive a kill."""
        if episodes:
            self._write(b"".join(map(_encode, episodes)))
            self.episodes.update((episode.scenario.id, episode) for episode in episodes)

    def close(self) -> None:
        """Give the file up to the next writer; nothing is left to be written."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> EpisodeFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        os.fsync(self._file)

    def _lock(self) -> None:
        """Two writers would play, and keep, every episode twice."""
        try:
            import fcntl
        except ModuleNotFoundError:  # not a POSIX system
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"{self.path} is being written by another run; wait for it or choose another path"
            ) from None


def read_episodes(path: str | Path) -> tuple[RolloutHeader, list[Episode]]:
    """What a file of episodes holds, in the order in which they were finished.

    A broken last line, left by a run that was killed or is still writing, is ignored.

    Raises:
        DataError: when it is not there, is no such file, or a line before the last is damaged.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    return _parse(content[: content.rfind(b"\n") + 1], path)


def _parse(content: bytes, path: Path) -> tuple[RolloutHeader, list[Episode]]:
    lines = content.split(b"\n")[:-1]
    try:
        header = from_json(lines[0] if lines else b"", RolloutHeader)
        if header.format != FORMAT:
            raise DataError(f"{path} is of the format {header.format!r}, not {FORMAT!r}")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is no file of episodes: {error}") from error
    episodes: list[Episode] = []
    seen: set[str] = set()
    for number, line in enumerate(lines[1:], 2):
        try:
            episode = from_json(line, Episode)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DataError(
                f"{path}, line {number}, is damaged ({error}); delete that line to play the "
                "episode again"
            ) from error
        if header.seed is not None and episode.scenario.id in seen:
            raise DataError(
                f"{path}, line {number}: scenario {episode.scenario.id!r} is there twice; delete "
                "one of the lines"
            )
        seen.add(episode.scenario.id)
        episodes.append(episode)
    return header, episodes


def _check_same(path: Path, written: RolloutHeader, header: RolloutHeader) -> None:
    before, now = asdict(written), _plain(header)
    other = [
        f"{key} {before[key]!r} instead of {now[key]!r}"
        for key in ("env", "hash", "agent", "agent_spec", "seed")
        if before[key] != now[key]
    ]
    if other:
        raise ConfigurationError(
            f"{path} holds another run ({'; '.join(other)}); choose another path, or delete it"
        )


def _plain(header: RolloutHeader) -> dict[str, Any]:
    """As it reads once it is JSON, where a tuple is a list."""
    plain: dict[str, Any] = msgspec.json.decode(_encode(header))
    return plain


def _encode(record: RolloutHeader | Episode) -> bytes:
    try:
        return to_json(record) + b"\n"
    except TypeError as error:
        raise PluginError(f"an agent's spec() must be JSON-able: {error}") from error


__all__ = ["FORMAT", "EpisodeFile", "RolloutHeader", "read_episodes"]
