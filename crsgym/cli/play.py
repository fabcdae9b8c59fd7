"""``crsgym play``: a person recommends, in the terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from crsgym.cli import options

HELP = """\
Type the numbers of the candidates you recommend, best first, such as: 3 1 7
or titles separated by ';' (any title of the catalogue), or a whole answer with RANK LIST: [...].
Words after '--' say what you think the user wants:   3 1 7 -- a dark thriller
q quits, ? prints this."""


def play(
    env_id: options.Env = "Synthetic-v0",
    split: Annotated[str, typer.Option(help="Split of the scenarios.")] = "train",
    scenario: Annotated[str | None, typer.Option(help="Scenario id or index.")] = None,
    turns: Annotated[int, typer.Option(help="Turns of an episode.")] = 5,
    retriever: Annotated[str | None, typer.Option(help="Retriever.")] = None,
    simulator: Annotated[str | None, typer.Option(help="Simulated user.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the episode.")] = None,
) -> None:
    """Be the recommender of one conversation."""
    import crsgym
    from crsgym.rendering import print_transcript

    env = crsgym.make(
        env_id, split=split, retriever=retriever, simulator=simulator, max_turns=turns
    )
    which: str | int | None = scenario
    if scenario is not None and scenario.isdigit():
        which = int(scenario)
    observation, _ = env.reset(seed=seed, options=None if which is None else {"scenario": which})
    typer.echo(f"{observation['dialogue']}\n\n{HELP}")
    ended = False
    while not ended:
        typer.echo(f"\nTurn {observation['turn']}")
        if observation["feedback"]:
            typer.echo(f"Seeker: {observation['feedback']}")
        for number, title in enumerate(observation["candidates"], start=1):
            typer.echo(f"{number:3d}  {title}")
        line = _ask()
        if line is None:
            break
        observation, reward, terminated, truncated, info = env.step(
            answer_of(line, observation["candidates"])
        )
        typer.echo(f"You recommended: {'; '.join(info['items']) or 'nothing'}")
        if info["answer_issues"]:
            typer.echo(f"Issues: {', '.join(info['answer_issues'])}")
        typer.echo(f"Reward: {reward:.2f}")
        ended = terminated or truncated
    if env.state.context.turns:
        print_transcript(env.episode)


def answer_of(line: str, candidates: tuple[str, ...]) -> str:
    """The answer text that a typed line stands for; numbers that name no candidate are skipped."""
    from crsgym.actions import format_answer

    if "RANK LIST" in line:
        return line
    chosen, _, preference = line.partition("--")
    words = chosen.replace(",", " ").split()
    if words and all(word.isdecimal() for word in words):
        titles = [candidates[int(word) - 1] for word in words if 0 < int(word) <= len(candidates)]
    else:
        titles = [title.strip() for title in chosen.split(";") if title.strip()]
    return format_answer(titles, preference=preference.strip())


def _ask() -> str | None:
    """A typed line, or None to leave."""
    while True:
        try:
            line = input("> ").strip()
        except EOFError:
            return None
        if line == "q":
            return None
        if line == "?":
            typer.echo(HELP)
        elif line:
            return line


__all__ = ["answer_of", "play"]
