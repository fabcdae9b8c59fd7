"""JSON and JSON Lines into typed records, with errors that name the file and the line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from crsgym.errors import DataError

T = TypeVar("T")
_BOM = b"\xef\xbb\xbf"


def decode(content: bytes, kind: type[T], where: str) -> T:
    """The record in a JSON file; ``where`` is what errors call the file.

    Raises:
        DataError: when it is no JSON or not of that kind.
    """
    try:
        return msgspec.json.decode(content.removeprefix(_BOM), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{where}: {_explained(error)}") from error


def decode_lines(
    content: bytes, kind: type[T], where: str, expected: str = ""
) -> Iterator[tuple[int, T]]:
    """Each record of a JSON Lines file, with its line number from 1; empty lines are skipped.

    Args:
        content: of the file.
        kind: of every record.
        where: what errors call the file.
        expected: what a right line looks like, for errors.

    Raises:
        DataError: naming the line that is no JSON or not of that kind.
    """
    decoder = msgspec.json.Decoder(kind)
    for number, line in enumerate(content.removeprefix(_BOM).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            record = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            hint = f"; expected {expected}" if expected else ""
            raise DataError(f"{where}, line {number}: {_explained(error)}{hint}") from error
        yield number, record


def _explained(error: Exception) -> str:
    message = str(error).replace("`", "'")
    return message if isinstance(error, msgspec.ValidationError) else f"not JSON ({message})"


__all__ = ["decode", "decode_lines"]
