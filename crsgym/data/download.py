"""Published files: fetched on first use, checked at every use.

A file is looked for in the folder that ``CRSGYM_DATA`` names (read only), then in the cache
(``CRSGYM_CACHE``, else the user's cache directory), and else downloaded into the cache. Both hold
``<dataset>/<file>``. Its size and checksum are verified whenever it is read, so what a program
works with is what was published.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from crsgym.errors import DataError, DownloadError

OVERRIDE = "CRSGYM_DATA"
CACHE = "CRSGYM_CACHE"
_ATTEMPTS = 3
_TIMEOUT = 30.0
_PAUSE = 1.0
"""Seconds before the second attempt; doubled before each further one."""


_SCRATCH = ".download-"
_ABANDONED = 6 * 3600.0
"""Seconds after which a scratch folder belongs to nobody."""
_failed: dict[tuple[SourceFile, Path], str] = {}
"""Why a file could not be fetched into a cache, by this process."""


@dataclass(frozen=True)
class SourceFile:
    """One published file.

    The checksum is a SHA-256, or the id of the git blob where only that is known.
    """

    dataset: str
    name: str
    url: str
    sha256: str = ""
    git_blob: str = ""
    size: int | None = None
    """Bytes, where known."""

    @property
    def checksum(self) -> str:
        """``"sha256:..."`` or ``"git:..."``."""
        return f"sha256:{self.sha256}" if self.sha256 else f"git:{self.git_blob}"

    @property
    def relative(self) -> str:
        """``<dataset>/<file>``."""
        return f"{self.dataset}/{self.name}"


def fingerprint(files: tuple[SourceFile, ...], version: int) -> str:
    """SHA-256 hex over the checksums of the files and the version of the loader that reads them."""
    lines = [f"{file.relative} {file.checksum}" for file in files]
    return hashlib.sha256("\n".join([f"loader {version}", *lines]).encode()).hexdigest()


def override_root() -> Path | None:
    """The folder that ``CRSGYM_DATA`` names, if it names one.

    Raises:
        DataError: when that is not a folder.
    """
    value = os.environ.get(OVERRIDE)
    if not value:
        return None
    root = Path(value).expanduser()
    if not root.is_dir():
        raise DataError(f"{OVERRIDE}={value} is not a folder; name one that holds <dataset>/<file>")
    return root


def cache_root() -> Path:
    """The folder that downloads go to; it need not exist yet."""
    value = os.environ.get(CACHE)
    if value:
        return Path(value).expanduser() / "data"
    import platformdirs

    return platformdirs.user_cache_path("crsgym") / "data"


def locate(file: SourceFile) -> Path | None:
    """Where a file lies now, unverified; ``None`` when it has to be downloaded."""
    override = override_root()
    for root in (override, cache_root()):
        if root is not None and (root / file.relative).is_file():
            return root / file.relative
    return None


def problem(file: SourceFile, content: bytes) -> str | None:
    """What is wrong with a file's content; ``None`` when it is what was published."""
    if file.size is not None and len(content) != file.size:
        state = "short" if len(content) < file.size else "long"
        return f"is too {state}: {len(content)} bytes instead of {file.size}"
    if file.sha256:
        actual = hashlib.sha256(content).hexdigest()
        expected = file.sha256
    else:
        # Git's own identifier; a check against damage, as SHA-256 is where it is known.
        head = b"blob %d\0" % len(content)
        actual = hashlib.sha1(head + content, usedforsecurity=False).hexdigest()
        expected = file.git_blob
    if actual != expected:
        return f"has the wrong checksum: {actual[:16]}... instead of {expected[:16]}..."
    return None


def ensure(file: SourceFile) -> tuple[Path, bool]:
    """Make sure that a file is here and is what was published.

    A damaged file in the cache is replaced; one under ``CRSGYM_DATA`` is never touched.

    Returns:
        Where it lies, and whether it was downloaded for that.

    Raises:
        DataError: when the file under ``CRSGYM_DATA`` is not what was published.
        DownloadError: when it is absent and cannot be fetched.
    """
    path = locate(file)
    if path is not None:
        damaged = problem(file, path.read_bytes())
        if damaged is None:
            return path, False
        if not path.is_relative_to(cache_root()):
            raise DataError(f"{path} {damaged}; {_remedy(file, path)}")
    return download(file), True


def read(file: SourceFile) -> bytes:
    """The verified content of a published file, downloaded if need be.

    What could not be fetched is not tried again by the same process, which would wait for it at
    every use; :func:`download`, :func:`ensure` and ``crsgym data download`` do try.

    Raises:
        DataError: when the local file is not what was published.
        DownloadError: when it is absent and cannot be fetched.
    """
    path = locate(file)
    if path is None:
        if (reason := _failed.get((file, cache_root()))) is not None:
            raise DownloadError(reason)
        path = download(file)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    wrong = problem(file, content)
    if wrong is not None:
        raise DataError(f"{path} {wrong}; {_remedy(file, path)}")
    return content


def _remedy(file: SourceFile, path: Path) -> str:
    if path.is_relative_to(cache_root()):
        return "delete it, and it is downloaded again at the next use"
    return f"replace it by {file.url}, or unset {OVERRIDE}"


def download(file: SourceFile) -> Path:
    """Fetch a file into the cache, with progress on standard error, and return its path.

    It is written beside its place and moved there only when size and checksum agree.

    Raises:
        DownloadError: naming the file, the address and ``CRSGYM_DATA``.
    """
    target = cache_root() / file.relative
    reason = ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE * 2 ** (attempt - 1))
        try:
            reason, again = _attempt(file, target)
        except OSError as error:
            raise DownloadError(
                f"cannot write {target}: {error.strerror or error}; "
                f"set {CACHE} to a folder that can be written to"
            ) from error
        if not reason:
            _failed.pop((file, cache_root()), None)
            return target
        if not again:
            break
    message = (
        f"cannot get {file.relative} from {file.url} ({reason}); download it there and put it into "
        f"a folder as {file.relative}, then set {OVERRIDE} to that folder"
    )
    _failed[file, cache_root()] = message
    raise DownloadError(message)


def _attempt(file: SourceFile, target: Path) -> tuple[str, bool]:
    """What went wrong (nothing when it worked), and whether another attempt may help."""
    import pooch
    import requests

    fetch = pooch.HTTPDownloader(progressbar=True, timeout=_TIMEOUT)
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target.parent)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=_SCRATCH) as scratch:
        part = Path(scratch) / target.name
        try:
            fetch(file.url, str(part), None)
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            return f"the server answered {status}", status >= 500 or status in (0, 408, 429)
        except requests.RequestException as error:
            return _reason(error), True
        wrong = problem(file, part.read_bytes())
        if wrong is not None:
            return f"what was served {wrong}", True
        part.replace(target)
    return "", False


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed while they downloaded have left."""
    for scratch in folder.glob(f"{_SCRATCH}*"):
        # Another process may finish, and remove its own, at any moment.
        with contextlib.suppress(FileNotFoundError):
            if time.time() - scratch.stat().st_mtime > _ABANDONED:
                shutil.rmtree(scratch)


def _reason(error: Exception) -> str:
    """The innermost cause, which is the part a person can act on."""
    cause: BaseException = error
    while cause.__cause__ is not None or cause.__context__ is not None:
        cause = cause.__cause__ or cause.__context__ or cause
    return f"{type(error).__name__}: {' '.join(str(cause).split())[:200]}"


__all__ = [
    "CACHE",
    "OVERRIDE",
    "SourceFile",
    "cache_root",
    "download",
    "ensure",
    "fingerprint",
    "locate",
    "override_root",
    "problem",
    "read",
]
