"""A report, or an audit alone, as files: JSON, Markdown, and an HTML page that needs no other."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crsgym.errors import DataError
from crsgym.evaluation import audits
from crsgym.evaluation.schema import from_dict
from crsgym.evaluation.table import Table
from crsgym.evaluation.tables import heading, notes, tables

if TYPE_CHECKING:
    from jinja2 import Template

    from crsgym.evaluation.report import Report

NAME = "report"
AUDIT = "audit"


def to_json(report: Report) -> str:
    """One JSON object, with a line break behind it."""
    return json.dumps(report.to_dict(), ensure_ascii=False, allow_nan=False) + "\n"


def to_markdown(report: Report) -> str:
    """A heading, the tables and the notes."""
    parts = [f"### {heading(report)}\n", *(table.to_markdown() for table in tables(report))]
    listed = "\n".join(f"- {note}" for note in notes(report))
    audited = [] if report.audit is None else ["", audit_to_markdown(report.audit).rstrip("\n")]
    return "\n".join([*parts, listed, *audited, ""])


def audit_to_markdown(audit: audits.Audit) -> str:
    """An audit: a heading, the tables and the notes."""
    shown = (table.to_markdown() for table in audits.tables(audit))
    listed = "\n".join(f"- {note}" for note in audits.notes(audit))
    return "\n".join([f"### {audits.heading(audit)}\n", *shown, listed, ""])


def audit_to_html(audit: audits.Audit) -> str:
    """A whole page of an audit alone."""
    return page(audits.heading(audit), [_audit_fragment(audit)])


def to_html(report: Report) -> str:
    """A whole page: curves of all scenarios and of the new ones, tables, the audit of the user."""
    from crsgym.evaluation.plots import to_svg

    metric = report.main_metric
    figures = [
        to_svg(report.plot(metric, stratum))
        for stratum in ("all", "new")
        if report.masks[stratum].any()
    ]
    return _template("report.html").render(
        heading=heading(report),
        tables=tables(report),
        notes=notes(report),
        figures=figures,
        audit=None if report.audit is None else _audit_fragment(report.audit),
        audited=None if report.audit is None else audits.heading(report.audit),
        spec=json.dumps(report.env, ensure_ascii=False, indent=2),
    )


def to_fragment(report: Report) -> str:
    """The tables and notes, as part of a page."""
    return table_fragment(tables(report), notes(report), heading(report))


def table_fragment(shown: Sequence[Table], told: Sequence[str], title: str = "") -> str:
    """Tables with notes below, as HTML; every text is escaped."""
    return _template("tables.html").render(heading=title, tables=shown, notes=told)


def page(title: str, fragments: Sequence[str]) -> str:
    """A whole page of HTML fragments, which are taken as they are; the title is escaped."""
    return _template("page.html").render(heading=title, fragments=fragments)


def save(report: Report, directory: Path) -> Path:
    """Write the three files into a folder, which is made where it is not there."""
    directory.mkdir(parents=True, exist_ok=True)
    write_text(directory / f"{NAME}.json", to_json(report))
    write_text(directory / f"{NAME}.md", to_markdown(report))
    write_text(directory / f"{NAME}.html", to_html(report))
    return directory


def save_audit(audit: audits.Audit, directory: Path) -> Path:
    """Write an audit's three files into a folder, which is made where it is not there."""
    directory.mkdir(parents=True, exist_ok=True)
    data = json.dumps(audit, ensure_ascii=False, allow_nan=False, indent=2)
    write_text(directory / f"{AUDIT}.json", data + "\n")
    write_text(directory / f"{AUDIT}.md", audit_to_markdown(audit))
    write_text(directory / f"{AUDIT}.html", audit_to_html(audit))
    return directory


def load(path: Path) -> Report:
    """Read a report's JSON file, or that of a folder.

    Raises:
        DataError: when there is none, or it is damaged.
    """
    file = path / f"{NAME}.json" if path.is_dir() else path
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(
            f"there is no report at {file}; `crsgym bench --out DIR` writes one"
        ) from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{file} is no JSON: {error}; evaluate again") from error
    try:
        return from_dict(data)
    except DataError as error:
        raise DataError(f"{file}: {error}") from error


def write_text(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all, even if the program is killed."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _audit_fragment(audit: audits.Audit) -> str:
    return table_fragment(audits.tables(audit), audits.notes(audit))


def _template(name: str) -> Template:
    from jinja2 import Environment, PackageLoader

    loader = PackageLoader("crsgym")
    return Environment(loader=loader, autoescape=True, trim_blocks=True).get_template(name)


__all__ = [
    "audit_to_html",
    "audit_to_markdown",
    "load",
    "page",
    "save",
    "save_audit",
    "table_fragment",
    "to_fragment",
    "to_html",
    "to_json",
    "to_markdown",
    "write_text",
]
