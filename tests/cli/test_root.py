"""The root command: quick, and one line for whatever goes wrong."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import typer

from crsgym import __version__, cli
from crsgym.errors import ConfigurationError, DataError

from .conftest import Run


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> type[Exception]:
    """A command `fail` that raises what it is told to."""
    app = typer.Typer(add_completion=False)

    @app.command()
    def fail(what: str, times: int = 1) -> None:
        """Fail."""
        if what == "interrupt":
            raise KeyboardInterrupt
        if what == "stop":
            raise typer.Exit(3)
        if what == "file":
            open("/no/such/folder/file")  # noqa: PTH123, SIM115
        if what == "bug":
            int("no number")
        errors = {
            "configuration": ConfigurationError("a setting\nthat cannot work"),
            "data": DataError("a file that is too short"),
        }
        if what in errors:
            raise errors[what]

    monkeypatch.setitem(cli.COMMANDS, "fail", "Fail.")
    load = cli._load
    monkeypatch.setattr(cli, "_load", lambda name: app if name == "fail" else load(name))
    return Exception


def test_help_lists_every_command(run: Run) -> None:
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    for name in cli.COMMANDS:
        assert f" {name} " in out
    assert run() == (code, out, err)


def test_help_loads_no_command() -> None:
    code = (
        "import sys, json\nfrom crsgym.cli import main\nmain(['--help'])\n"
        "print(json.dumps([m for m in sys.modules if m.startswith('crsgym.')]), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stderr)
    assert "crsgym.cli.bench" not in loaded
    assert "crsgym.evaluation" not in loaded


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["bensh"], 2, "unknown command 'bensh'; did you mean 'bench' or 'envs'?"),
        (["--nothing"], 2, "No such option: --nothing; try: crsgym --help"),
        (["fail"], 2, "Missing argument 'what'; try: crsgym fail --help"),
        (["fail", "x", "--tims", "2"], 2, "No such option: --tims"),
        (["fail", "x", "--times", "two"], 2, "Invalid value for '--times'"),
        (["fail", "configuration"], 2, "a setting that cannot work"),
        (["fail", "data"], 1, "a file that is too short"),
        (["fail", "file"], 1, "/no/such/folder/file: No such file or directory"),
        (["fail", "stop"], 3, ""),
        (["fail", "nothing"], 0, ""),
    ],
)
@pytest.mark.usefixtures("command")
def test_what_goes_wrong_is_one_line(run: Run, arguments: list[str], code: int, said: str) -> None:
    given, out, err = run(*arguments)
    assert (given, out) == (code, "")
    assert said.casefold() in err.casefold()
    assert err.count("\n") == bool(said)
    assert err.startswith("crsgym: ") == bool(said)


@pytest.mark.usefixtures("command")
def test_ctrl_c(run: Run) -> None:
    assert run("fail", "interrupt") == (130, "", "crsgym: interrupted\n")


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"crsgym {__version__}\n", "")


def test_a_negative_seed_is_refused_before_anything_is_loaded(run: Run) -> None:
    code, out, err = run("play", "Synthetic-v0", "--seed", "-1")
    assert (code, out) == (2, "")
    assert err.startswith("crsgym: Invalid value for '--seed'")


@pytest.mark.usefixtures("command")
def test_a_bug_is_not_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        run("fail", "bug")
    monkeypatch.setenv("CRSGYM_TRACEBACK", "1")
    with pytest.raises(DataError):
        run("fail", "data")
