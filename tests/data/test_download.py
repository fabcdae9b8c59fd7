"""Published files: fetched once, checked always, never half-written."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from crsgym.data import download as module
from crsgym.data.download import (
    SourceFile,
    cache_root,
    download,
    ensure,
    fingerprint,
    locate,
    problem,
    read,
)
from crsgym.errors import DataError, DownloadError
from tests.data.server import serve

CONTENT = b'{"a": 1}\n' * 5000


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRSGYM_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CRSGYM_DATA", raising=False)
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    monkeypatch.setattr(module, "_PAUSE", 0.0)


def source(url: str = "http://127.0.0.1:9/file.jsonl", content: bytes = CONTENT) -> SourceFile:
    return SourceFile(
        "books", "file.jsonl", url, sha256=hashlib.sha256(content).hexdigest(), size=len(content)
    )


def everything_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if not p.is_dir() or ".download" in p.name)


def test_downloads_once(capfd: pytest.CaptureFixture[str]) -> None:
    with serve(CONTENT) as server:
        assert read(source(server.url)) == CONTENT
        assert read(source(server.url)) == CONTENT
        assert server.requests == 1
    assert everything_in(cache_root()) == ["file.jsonl"]
    out, err = capfd.readouterr()
    assert out == ""
    assert "100%" in err


@pytest.mark.parametrize("act", ["drop", "short", "wrong", "refuse", "503", "429"])
def test_tries_again(act: str) -> None:
    with serve(CONTENT, act, act, "serve") as server:
        assert download(source(server.url)).read_bytes() == CONTENT
        assert server.requests == 3
    assert everything_in(cache_root()) == ["file.jsonl"]


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        ("drop", "IncompleteRead"),
        ("short", "what was served is too short: 22500 bytes instead of 45000"),
        ("wrong", "what was served has the wrong checksum"),
        ("refuse", "ConnectionError"),
        ("503", "the server answered 503"),
    ],
)
def test_gives_up_and_leaves_nothing(act: str, reason: str) -> None:
    with serve(CONTENT, act) as server:
        file = source(server.url)
        with pytest.raises(DownloadError, match=re.escape(reason)) as error:
            read(file)
        assert server.requests == 3
    message = str(error.value)
    assert "books/file.jsonl" in message
    assert file.url in message
    assert "CRSGYM_DATA" in message
    assert "\n" not in message
    assert everything_in(cache_root()) == []
    assert locate(file) is None


def test_what_could_not_be_fetched_is_read_again_only_when_it_is_here() -> None:
    with serve(CONTENT, "503", "503", "503", "404", "serve") as server:
        file = source(server.url)
        messages = []
        for _ in range(3):
            with pytest.raises(DownloadError) as error:
                read(file)
            messages.append(str(error.value))
        assert server.requests == 3
        assert len(set(messages)) == 1
        with pytest.raises(DownloadError, match="the server answered 404"):
            ensure(file)
        with pytest.raises(DownloadError, match="the server answered 404"):
            read(file)
        assert server.requests == 4
        assert ensure(file)[1]
        assert read(file) == CONTENT
        locate(file).unlink()  # type: ignore[union-attr]
        assert read(file) == CONTENT
        assert server.requests == 6


def test_a_file_that_was_put_there_by_hand_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(CONTENT, "404") as server:
        file = source(server.url)
        with pytest.raises(DownloadError):
            read(file)
    (tmp_path / "books").mkdir()
    (tmp_path / file.relative).write_bytes(CONTENT)
    monkeypatch.setenv("CRSGYM_DATA", str(tmp_path))
    assert read(file) == CONTENT


def test_does_not_ask_again_for_what_is_not_there() -> None:
    with serve(CONTENT, "404") as server:
        with pytest.raises(DownloadError, match="the server answered 404"):
            download(source(server.url))
        assert server.requests == 1


def test_offline() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/file.jsonl"
        with pytest.raises(DownloadError, match=r"Connection refused.*CRSGYM_DATA") as error:
            read(source(url))
    assert url in str(error.value)
    assert "\n" not in str(error.value)


def test_a_killed_download_leaves_no_file() -> None:
    with serve(CONTENT, "stall", "serve") as server:
        file = source(server.url)
        code = f"from crsgym.data.download import *; download({file!r})"
        process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 60
            while not server.requests and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(0.1)
            process.send_signal(signal.SIGKILL)
        finally:
            process.wait()
        assert server.requests == 1
        assert locate(file) is None
        assert read(file) == CONTENT


def test_what_a_killed_process_left_goes_in_time() -> None:
    file = source()
    old, young = (cache_root() / "books" / f".download-{name}" for name in ("old", "young"))
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "file.jsonl").write_bytes(b"half")
    os.utime(old, (0, 0))
    with serve(CONTENT) as server:
        download(source(server.url))
    assert not old.exists()
    assert young.exists()
    assert locate(file) == cache_root() / "books" / "file.jsonl"


def test_many_at_once() -> None:
    with serve(CONTENT) as server:
        got: list[bytes] = []
        threads = [
            threading.Thread(target=lambda: got.append(read(source(server.url)))) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert got == [CONTENT] * 6
    assert everything_in(cache_root()) == ["file.jsonl"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_that_cannot_be_written_to() -> None:
    cache_root().mkdir(parents=True)
    cache_root().chmod(0o500)
    with serve(CONTENT) as server, pytest.raises(DownloadError, match="set CRSGYM_CACHE"):
        download(source(server.url))


def test_a_cache_that_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "taken").write_text("x")
    monkeypatch.setenv("CRSGYM_CACHE", str(tmp_path / "taken"))
    with serve(CONTENT) as server, pytest.raises(DownloadError, match="set CRSGYM_CACHE"):
        download(source(server.url))


class TestOverride:
    """``CRSGYM_DATA`` is read, checked and never written to."""

    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        (tmp_path / "mine" / "books").mkdir(parents=True)
        monkeypatch.setenv("CRSGYM_DATA", str(tmp_path / "mine"))
        return tmp_path / "mine" / "books"

    def test_comes_first(self, folder: Path) -> None:
        (folder / "file.jsonl").write_bytes(CONTENT)
        assert read(source()) == CONTENT
        assert ensure(source()) == (folder / "file.jsonl", False)
        assert not cache_root().exists()

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (CONTENT[:-7], "is too short: 44993 bytes instead of 45000"),
            (b"", "is too short: 0 bytes"),
            (CONTENT + b"x", "is too long: 45001 bytes"),
            (CONTENT[:-1] + b"x", "has the wrong checksum: "),
        ],
    )
    @pytest.mark.parametrize("use", [read, ensure])
    def test_damage_is_one_line(
        self, folder: Path, content: bytes, message: str, use: object
    ) -> None:
        (folder / "file.jsonl").write_bytes(content)
        with pytest.raises(DataError, match=re.escape(message)) as error:
            use(source())  # type: ignore[operator]
        text = str(error.value)
        assert str(folder / "file.jsonl") in text
        assert "replace it by http://127.0.0.1:9/file.jsonl, or unset CRSGYM_DATA" in text
        assert "\n" not in text
        assert (folder / "file.jsonl").read_bytes() == content

    def test_what_it_lacks_is_downloaded_to_the_cache(self, folder: Path) -> None:
        with serve(CONTENT) as server:
            assert ensure(source(server.url)) == (cache_root() / "books" / "file.jsonl", True)
        assert list(folder.iterdir()) == []

    def test_is_no_folder(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CRSGYM_DATA", "/nowhere/at/all")
        with pytest.raises(DataError, match="CRSGYM_DATA=/nowhere/at/all is not a folder"):
            read(source())


def test_damage_in_the_cache() -> None:
    path = cache_root() / "books" / "file.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT[:100])
    with pytest.raises(DataError, match="delete it, and it is downloaded again"):
        read(source())
    with serve(CONTENT) as server:
        assert ensure(source(server.url)) == (path, True)
    assert path.read_bytes() == CONTENT


def test_git_blob_ids() -> None:
    # `printf hello | git hash-object --stdin`
    file = SourceFile("x", "y", "z", git_blob="b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0")
    assert problem(file, b"hello") is None
    assert "wrong checksum" in str(problem(file, b"hellO"))
    assert file.checksum == "git:b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0"


def test_sha256() -> None:
    # `printf hello | sha256sum`
    sha = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    file = SourceFile("x", "y", "z", sha256=sha, size=5)
    assert problem(file, b"hello") is None
    assert problem(file, b"hell") == "is too short: 4 bytes instead of 5"
    assert "wrong checksum: " in str(problem(file, b"hellO"))


def test_fingerprint_is_of_the_checksums_and_the_version() -> None:
    one, other = source(), source(content=b"other")
    values = {
        fingerprint((one,), 1),
        fingerprint((one,), 2),
        fingerprint((other,), 1),
        fingerprint((one, other), 1),
    }
    assert len(values) == 4
    assert fingerprint((source("http://mirror/"),), 1) == fingerprint((one,), 1)


def test_the_cache_is_the_users_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRSGYM_CACHE")
    assert "crsgym" in cache_root().parts
