"""``crsgym data`` on a command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crsgym.cli import main
from crsgym.data import inspired
from crsgym.data.download import SourceFile
from tests.data.server import serve
from tests.data.test_jsonl import DUNE, EMMA, TALK, write

INSPIRED = pytest.mark.requires_dataset("inspired")


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and one published file of 5 bytes that nobody serves."""
    monkeypatch.setenv("CRSGYM_CACHE", str(tmp_path))
    monkeypatch.delenv("CRSGYM_DATA", raising=False)
    monkeypatch.setattr("crsgym.data.download._PAUSE", 0.0)
    serve_nothing(monkeypatch)
    return tmp_path / "data" / "inspired" / "hello.txt"


def serve_nothing(
    monkeypatch: pytest.MonkeyPatch, url: str = "http://127.0.0.1:9/hello.txt"
) -> None:
    sha = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    file = SourceFile("inspired", "hello.txt", url, sha256=sha, size=5)
    monkeypatch.setattr(inspired, "FILES", (file,))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["data", *arguments])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err


def test_list(capsys: pytest.CaptureFixture[str], offline: Path) -> None:
    code, out, _ = run(capsys, "list")
    assert code == 0
    assert "0 of 1" in out
    assert "CC BY-NC 4.0" in out
    code, out, _ = run(capsys, "list", "--json")
    assert [row["name"] for row in json.loads(out)] == [
        "inspired",
        "opendialkg",
        "redial",
        "synthetic",
    ]


@INSPIRED
def test_stats_json_has_the_counts_of_the_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "stats", "INSPIRED", "--json")
    counts = json.loads(out)
    assert code == 0
    assert counts["items"] == 1123
    splits = counts["splits"].values()
    assert [s["instances"] for s in splits] == [2094, 273, 256]
    assert [s["dialogues"] for s in splits] == [731, 94, 91]
    assert [s["repeat"] for s in splits] == [353, 60, 42]
    assert counts["splits"]["test"]["cold"] == 85
    assert counts["items_with_genre_director_or_cast"] >= 1100


def test_stats_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "stats", "synthetic")
    assert code == 0
    assert "1,000 items" in out
    assert "recorded" not in out


def test_download(
    capsys: pytest.CaptureFixture[str], offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(b"hello") as server:
        serve_nothing(monkeypatch, server.url)
        assert run(capsys, "download", "inspired")[:2] == (0, f"downloaded: {offline}\n")
        assert run(capsys, "download", "INSPIRED")[:2] == (0, f"here already: {offline}\n")
        offline.write_bytes(b"jello")
        assert run(capsys, "download", "inspired")[:2] == (0, f"downloaded: {offline}\n")
    assert offline.read_bytes() == b"hello"


def test_download_offline(capsys: pytest.CaptureFixture[str], offline: Path) -> None:
    code, out, err = run(capsys, "download", "inspired")
    assert (code, out) == (1, "")
    last = err.strip().splitlines()[-1]
    assert last.startswith(
        "crsgym: cannot get inspired/hello.txt from http://127.0.0.1:9/hello.txt"
    )
    assert "CRSGYM_DATA" in last


def test_verify(capsys: pytest.CaptureFixture[str], offline: Path) -> None:
    assert run(capsys, "verify", "inspired")[:2] == (0, "not here: inspired/hello.txt\n")
    code, _, err = run(capsys, "verify", "inspired", "--complete")
    assert (code, err) == (1, "crsgym: 1 not here; run: crsgym data download NAME\n")
    offline.parent.mkdir(parents=True)
    offline.write_bytes(b"hello")
    assert run(capsys, "verify", "inspired", "--complete")[:2] == (0, f"ok: {offline}\n")
    offline.write_bytes(b"hell")
    code, out, err = run(capsys, "verify")
    assert code == 1
    assert f"wrong: {offline} is too short: 4 bytes instead of 5\n" in out
    assert err == "crsgym: 1 damaged; delete or replace what is marked 'wrong'\n"


def test_what_is_generated_needs_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("synthetic", "Synthetic", "Synthetic-v0"):
        line = f"{name}: needs none\n"
        assert run(capsys, "download", name) == (0, line, "")
        assert run(capsys, "verify", name, "--complete") == (0, line, "")
        assert run(capsys, "path", name) == (0, "", line)


def test_an_environment_stands_for_its_data_set(
    capsys: pytest.CaptureFixture[str], offline: Path
) -> None:
    code, out, _ = run(capsys, "stats", "Synthetic-v0", "--json")
    assert (code, json.loads(out)["name"]) == (0, "synthetic")
    assert run(capsys, "stats", "crsgym/Synthetic-v0", "--json")[1] == out
    assert run(capsys, "verify", "INSPIRED-v0")[:2] == (0, "not here: inspired/hello.txt\n")
    assert run(capsys, "path", "INSPIRED-v0")[:2] == (0, f"{offline.parent}\n")


def test_path(capsys: pytest.CaptureFixture[str], offline: Path) -> None:
    assert run(capsys, "path")[:2] == (0, f"{offline.parents[1]}\n")
    assert run(capsys, "path", "inspired")[:2] == (0, f"{offline.parent}\n")


def test_a_folder_of_ones_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = write(tmp_path / "books", items=[EMMA, DUNE], train=[TALK])
    code, out, _ = run(capsys, "stats", str(folder), "--json")
    assert (code, json.loads(out)["items"]) == (0, 2)
    assert run(capsys, "verify", str(folder))[0] == 0
    assert run(capsys, "path", str(folder))[:2] == (0, f"{folder}\n")
    write(folder, train=[TALK, {"id": "d2"}])
    code, _, err = run(capsys, "verify", str(folder))
    assert code == 1
    assert f"{folder / 'train.jsonl'}, line 2:" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["stats", "INSPIERD"], 2, "unknown dataset 'inspierd'; did you mean 'inspired'?"),
        (["download", "syntetic"], 2, "did you mean 'synthetic'?"),
        (["stats", "INSPIERD-v0"], 2, "unknown dataset 'inspierd-v0'"),
        (["download", "no_module:Own-v0"], 2, "there is no module 'no_module'"),
        (["stats", "inspired", "--jsno"], 2, "No such option"),
        (["stats"], 2, "Missing argument 'NAME'"),
        (["statz", "inspired"], 2, "No such command 'statz'"),
    ],
)
def test_mistakes_are_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    found, out, err = run(capsys, *arguments)
    assert (found, out) == (code, "")
    assert message in err
    assert err.count("\n") == 1
