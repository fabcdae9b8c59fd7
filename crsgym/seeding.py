"""Randomness that depends on what is drawn, never on when or beside what."""

from __future__ import annotations

import hashlib


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed from any parts, the same on every machine and in every process.

    ``derive_seed(seed, scenario.id, turn)`` is how a conversation draws, so a result never depends
    on the size or the order of a batch.
    """
    text = "\x1f".join([f"{type(part).__name__}:{part}" for part in parts])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


__all__ = ["derive_seed"]
