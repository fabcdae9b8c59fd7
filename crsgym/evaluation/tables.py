"""The tables of a report, and what a reader must be told beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crsgym.evaluation import audits, table
from crsgym.evaluation.comparison import NOTE
from crsgym.evaluation.estimates import CANDIDATE_RECALL, MEAN_REWARD, Estimates
from crsgym.evaluation.published import METRICS, SOURCE, published_rows
from crsgym.evaluation.schema import headroom_used
from crsgym.evaluation.strata import STRATA
from crsgym.evaluation.table import Table, number, with_interval

if TYPE_CHECKING:
    from rich.console import RenderableType

    from crsgym.evaluation.report import Report


def as_text(report: Report) -> str:
    """Everything as plain text."""
    return table.as_text(list(as_rich(report)))


def as_rich(report: Report) -> Iterator[RenderableType]:
    """Everything, for a terminal."""
    from rich.text import Text

    yield Text(heading(report), style="bold")
    for shown in tables(report):
        yield shown.to_rich()
    for note in notes(report):
        yield Text(note)


def heading(report: Report) -> str:
    """What was played, in one line."""
    turns = "1 turn" if report.turns == 1 else f"{report.turns} turns"
    return (
        f"{report.env['id']}, {report.split} split: {len(report.scenario_ids)} scenarios of "
        f"{report.bootstrap.num_dialogues} dialogues, {turns}"
    )


def tables(report: Report) -> list[Table]:
    """The tables of a report, in the order in which they are shown."""
    shown = [ranking(report)]
    if report.published and published_rows(report.env["id"]):
        shown.append(quoted(report))
    if report.turns > 1:
        shown.append(by_turn(report))
    shown += [candidates(report), rewards(report)]
    if len(report.agents) > 1:
        shown.append(paired(report))
    return shown


def ranking(report: Report) -> Table:
    """Every ranking metric in every stratum, at the last turn."""
    last = report.turns - 1
    label = f"Turn {report.turns} (the last)" if report.turns > 1 else "Turn 1"
    rows = []
    for name, estimates in report.estimates.items():
        for s, stratum in enumerate(estimates.strata):
            size = int(report.masks[stratum].sum())
            cells = [_cell(estimates, last, s, m) for m in range(len(report.metrics))]
            rows.append((name if s == 0 else "", stratum, str(size), *cells))
    labels = [metric.label for metric in report.metrics]
    return Table(
        f"{label}: mean [95% interval]", ("agent", "stratum", "n", *labels), tuple(rows), 2
    )


def quoted(report: Report) -> Table:
    """Published results, marked as quoted."""
    keys = [metric for metric in report.metrics if metric.key in METRICS]
    return Table(
        f"Quoted for comparison ({SOURCE})",
        ("published", *(metric.label for metric in keys)),
        tuple(
            (row.label, *(number(row.values[metric.key]) for metric in keys))
            for row in published_rows(report.env["id"])
        ),
    )


def by_turn(report: Report) -> Table:
    """The metric of the best turn, turn by turn, and what the conversation brought."""
    key = report.main_metric
    label = next(metric.label for metric in report.metrics if metric.key == key)
    gains = report.gains.select(stratum="all", metric=key)
    rows = []
    for name, estimates in report.estimates.items():
        means = estimates.mean[:, 0, estimates.quantities.index(key)]
        best = report.best_turn(name)
        gain = gains.only(agent=name)
        rows.append(
            (
                name,
                *(
                    number(mean) + ("*" if turn == best else "")
                    for turn, mean in enumerate(means, 1)
                ),
                with_interval(gain.difference, gain.low, gain.high),
            )
        )
    turns = tuple(f"turn {turn}" for turn in range(1, report.turns + 1))
    return Table(
        f"{label} by turn over all scenarios (* best turn)",
        ("agent", *turns, f"turn {report.turns} - turn 1"),
        tuple(rows),
    )


def candidates(report: Report) -> Table:
    """The ceiling of who ranks candidates, its use, and how answers were written; last turn."""
    rows = []
    for name, estimates in report.estimates.items():
        result = report.agents[name]
        issues = sorted(result.facts[-1].answer_issues.items(), key=lambda issue: -issue[1])
        rows.append(
            (
                name,
                result.ranks,
                _cell(estimates, -1, 0, estimates.quantities.index(CANDIDATE_RECALL)),
                number(headroom_used(result, report.turns - 1, report.masks["all"])),
                ", ".join(f"{code} {number(rate)}" for code, rate in issues[:3]) or "none",
            )
        )
    columns = ("agent", "ranks", "candidate recall", "share used", "most frequent answer issues")
    return Table(f"Candidates and answers at turn {report.turns}", columns, tuple(rows), 2)


def rewards(report: Report) -> Table:
    """The mean reward and its terms before weighting."""
    terms = list(next(iter(report.agents.values())).facts[-1].reward_terms)
    rows = []
    for name, estimates in report.estimates.items():
        means = report.agents[name].facts[-1].reward_terms
        reward = _cell(estimates, -1, 0, estimates.quantities.index(MEAN_REWARD))
        rows.append((name, reward, *(number(means[term]) for term in terms)))
    return Table(f"Rewards at turn {report.turns}", ("agent", "reward", *terms), tuple(rows))


def paired(report: Report) -> Table:
    """Each agent against the one before it and the first, at the last turn."""
    names = list(report.agents)
    pairs = dict.fromkeys(
        (name, other) for at, name in enumerate(names) if at for other in (names[at - 1], names[0])
    )
    rows = []
    keys = [metric.key for metric in report.metrics]
    wanted = dict.fromkeys(key for key in (report.main_metric, "ndcg@10") if key in keys)
    for agent, baseline in pairs:
        found = report.comparisons.select(agent=agent, baseline=baseline, turn=report.turns)
        cells = []
        for stratum in ("all", "new"):
            for key in wanted:
                row = next(
                    (row for row in found if row.stratum == stratum and row.metric == key), None
                )
                cells.append(
                    "-"
                    if row is None
                    else with_interval(row.difference, row.low, row.high)
                    + ("*" if row.excludes_zero else "")
                )
        rows.append((agent, baseline, *cells))
    labels = {metric.key: metric.label for metric in report.metrics}
    columns = [f"{stratum} {labels[key]}" for stratum in ("all", "new") for key in wanted]
    return Table(
        f"Paired differences at turn {report.turns} (* the interval excludes 0)",
        ("agent", "minus", *columns),
        tuple(rows),
        2,
    )


def notes(report: Report) -> list[str]:
    """What a reader must know to read the numbers."""
    told = [
        _strata(report),
        f"Intervals: 95%, bootstrap over dialogues, {report.replicates} draws.",
        _user(report),
    ]
    if report.audit is not None:
        told.append(audits.verdict(report.audit))
    if report.turns > 1:
        told.append(
            "Every scenario is played to the last turn, found or not, so all turns are over one "
            "set. The best turn is chosen on these same scenarios, so it flatters."
        )
    if whole := [name for name, result in report.agents.items() if result.ranks == "catalogue"]:
        told.append(
            f"Ranks the whole catalogue, so the candidates are no ceiling: {', '.join(whole)}."
        )
    if report.published and not published_rows(report.env["id"]):
        told.append(f"No published results are quoted for {report.env['id']}.")
    if cheats := [name for name, result in report.agents.items() if result.privileged]:
        told.append(f"Is told the target, a ceiling and no method: {', '.join(cheats)}.")
    if len(report.agents) > 1:
        told.append(NOTE)
    return told


def _strata(report: Report) -> str:
    meanings = "; ".join(f"{name}, {STRATA[name]}" for name in report.masks)
    if "cold" in report.masks:
        return f"Strata: {meanings}."
    return f"Strata: {meanings}. Left out: cold, since the train split cannot be had."


def _user(report: Report) -> str:
    simulator = report.env["spec"].get("world", {}).get("simulator", {}).get("class", "unknown")
    kind = "target-aware: it is told the target" if report.target_aware else "label-free"
    rates = [
        facts.title_leak_rate
        for result in report.agents.values()
        for facts in result.facts
        if facts.title_leak_rate is not None
    ]
    leaks = (
        f" Its replies hold the target's title in at most {number(max(rates))} of the cases, over "
        "agents and turns; titles of one word are counted apart."
        if rates
        else ""
    )
    return f"User: {simulator.rpartition(':')[2]} ({kind}).{leaks}"


def _cell(estimates: Estimates, turn: int, stratum: int, quantity: int) -> str:
    at = (turn, stratum, quantity)
    return with_interval(
        *(float(part[at]) for part in (estimates.mean, estimates.low, estimates.high))
    )


__all__ = ["as_rich", "as_text", "heading", "notes", "tables"]
