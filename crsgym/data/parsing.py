"""JSON and JSON Lines into typed records, with errors that name the file and the line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from crsgym.errors import DataError

T = TypeVar("T")


def decode(content: bytes, kind: type[T], where: str) -> T:
    """The record in a JSON file; ``where`` is what errors call the file.

    Raises:
        DataError: when it is no JSON or not of that kind.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{where}: {error}") from error


def decode_lines(content: bytes, kind: type[T], where: str) -> Iterator[tuple[int, T]]:
    """Each record of a JSON Lines file, with its line number from 1; empty lines are skipped.

    Raises:
        DataError: naming the line that is no JSON or not of that kind.
    """
    decoder = msgspec.json.Decoder(kind)
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            record = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DataError(f"{where}, line {number}: {error}") from error
        yield number, record


__all__ = ["decode", "decode_lines"]
