"""What a training run writes down: JSON Lines and TensorBoard, one record a step.

A run that is resumed drops what was written behind its checkpoint, so the log of a run that was
killed reads like that of one that was not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any


class Journal:
    """The log of a run.

    Args:
        out: folder of the run; writes ``log.jsonl`` and TensorBoard's events.
        step: the step that comes next; records from it on are dropped.
        tensorboard: whether TensorBoard's events are written as well.
    """

    def __init__(self, out: Path, *, step: int, tensorboard: bool = True) -> None:
        self.path = out / "log.jsonl"
        kept = [record for record in read_log(self.path) if record["step"] < step]
        partial = self.path.with_name("log.jsonl.partial")
        partial.write_text("".join(json.dumps(record) + "\n" for record in kept), encoding="utf-8")
        partial.replace(self.path)
        self._file = self.path.open("a", encoding="utf-8")
        self._board: Any = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(out / "tensorboard"), purge_step=step)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write one record; it is on the disk when this returns."""
        self._file.write(json.dumps({"step": step, **values}) + "\n")
        self._file.flush()
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()


def read_log(path: Path) -> list[dict[str, float]]:
    """The records of a log; a broken last line, left by a kill, is dropped."""
    if not path.is_file():
        return []
    content = path.read_text(encoding="utf-8")
    whole = content[: content.rfind("\n") + 1]
    return [json.loads(line) for line in whole.splitlines()]


__all__ = ["Journal", "read_log"]
