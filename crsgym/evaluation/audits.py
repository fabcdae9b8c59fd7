"""The audit of a simulated user as a person reads it: tables, and what to know beside them.

What is measured is :func:`crsgym.simulators.audit.audit`'s; here it is only shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import nan
from typing import Any

from crsgym.evaluation.table import Table, number, with_interval

Audit = Mapping[str, Any]


def heading(audit: Audit) -> str:
    """What was audited, in one line."""
    place = f"{audit['env']}, {audit['split']} split: " if "env" in audit else ""
    return (
        f"Audit of the user. {place}{audit['feedbacks']} remarks in {audit['episodes']} episodes, "
        f"{'passed' if audit['passed'] else 'FAILED'}"
    )


def tables(audit: Audit) -> list[Table]:
    """All that the audit measured, in the order in which it is read."""
    shown = [_duties(audit), _titles(audit), _attributes(audit), _manner(audit)]
    if audit["title_leak_examples"]:
        leaks = tuple((text,) for text in audit["title_leak_examples"])
        shown.append(Table("Remarks that name a target nobody had named", ("remark",), leaks))
    if "gain" in audit:
        shown += [_turns(audit["gain"]), _gains(audit["gain"])]
    rows = tuple(_flat("", audit["simulator"]))
    return [*shown, Table("The user, as it is part of the environment", ("key", "value"), rows, 2)]


def notes(audit: Audit) -> list[str]:
    """What a reader must know to read the numbers."""
    told = [f"FAILED: {failure}." for failure in audit["failures"]]
    told += [
        "Read is the exact text that the agent saw, and for a user played by a chat model its "
        "prompts too.",
        "What is asked for and what is turned down is told apart clause by clause, by rule of "
        "thumb, and attributes are found where they are named in full: the rates compare users "
        "with each other, and are no absolute truth.",
    ]
    if "gain" in audit:
        told.append(audit["gain"]["verdict"] + ".")
    return told


def verdict(audit: Audit) -> str:
    """Whether the user passed, and why it did not, in one sentence."""
    if audit["passed"]:
        return (
            f"Audit of the user: passed; {_percent(audit['title_leak_rate'])} of "
            f"{audit['feedbacks']} remarks name the target, none before anybody else did."
        )
    return f"Audit of the user: FAILED; {'; '.join(audit['failures'])}."


def _duties(audit: Audit) -> Table:
    """What fails a user, and what was found."""
    named = _percent(audit["unseen_title_leak_rate"])
    rate = audit["target_in_prompt_rate"]
    told = "no prompts" if rate is None else f"{_percent(rate)} of {audit['prompts']} prompts"
    rows = (
        (
            "names the target before anybody else does",
            f"{named} of the remarks before which nobody had",
            _failed(audit["unseen_title_leak_rate"]),
        ),
        (
            "is label-free, and the target stands in its prompts",
            told,
            "is told the target" if audit["target_aware"] else _failed(rate),
        ),
    )
    return Table("What no user may do", ("it", "found", "verdict"), rows, 3)


def _titles(audit: Audit) -> Table:
    counts = audit["title_leaks"]
    rows = [
        ("names the target, seen before or not", _percent(audit["title_leak_rate"])),
        *((f"remarks with it: {kind.replace('_', ' ')}", str(n)) for kind, n in counts.items()),
        ("the word of a one-word title, where it has one", _percent(audit["one_word_title_rate"])),
    ]
    return Table("Titles in remarks", ("measure", "value"), tuple(rows))


def _attributes(audit: Audit) -> Table:
    columns = ("precision", "recall", "refused_though_true", "asked", "refused")
    rows = tuple(
        (group, *(_value(values[column]) for column in columns))
        for group, values in audit["attributes"].items()
    )
    shown = tuple(column.replace("_", " ") for column in columns)
    return Table("Attributes asked for, against the target's", ("attribute", *shown), rows)


def _manner(audit: Audit) -> Table:
    parts = {key: audit[key] for key in ("consistency", "repetition", "length")}
    rows = [
        (f"{part}: {key.replace('_', ' ')}", _value(value))
        for part, values in parts.items()
        for key, value in values.items()
    ]
    return Table("Consistency, repetition, length", ("measure", "value"), tuple(rows))


def _turns(gain: Mapping[str, Any]) -> Table:
    """The agent's means by turn, with the user and with the controls."""
    means = gain["means"]
    turns = len(next(iter(means.values())))
    columns = ("user", *(f"turn {turn + 1}" for turn in range(turns)))
    rows = tuple((name, *map(number, values)) for name, values in means.items())
    return Table(f"{gain['metric']} of {gain['agent']} by turn", columns, rows)


def _gains(gain: Mapping[str, Any]) -> Table:
    metric = gain["metric"]
    rows = []
    for control, differences in gain["gains"].items():
        found = [row for row in differences if row["stratum"] == "all"]
        cells = [
            # Of fewer than two dialogues there is no interval.
            with_interval(row["difference"][metric], *row["ci95"].get(metric, (nan, nan)))
            for row in sorted(found, key=lambda row: row["turn"])
        ]
        rows.append((f"over {control}", *cells))
    turns = max((len(row) for row in rows), default=1) - 1
    columns = ("the feedback adds", *(f"turn {turn + 1}" for turn in range(turns)))
    return Table(f"Paired differences of {metric}", columns, tuple(rows))


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}{key}.", value)
        else:
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield f"{prefix}{key}", shown


def _value(value: float | None) -> str:
    return str(value) if isinstance(value, int) else number(value)


def _percent(rate: float) -> str:
    return f"{rate:.1%}"


def _failed(rate: float | None) -> str:
    return "FAILED" if rate else "passed"


__all__ = ["Audit", "heading", "notes", "tables", "verdict"]
