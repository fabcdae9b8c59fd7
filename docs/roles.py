"""Makes links of the Sphinx roles in docstrings, which Markdown does not know."""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod|obj):`(?P<short>~?)(?P<path>[\w.]+)`")


def link(match: re.Match[str]) -> str:
    """A link where the name is on a page, and plain code where it is not."""
    path = match["path"]
    shown = path.rpartition(".")[2] if match["short"] else path
    return f'<autoref optional identifier="{path}"><code>{shown}</code></autoref>'


class Roles(griffe.Extension):
    """Rewrites the roles in every docstring."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Called for each module, class, function and attribute."""
        if obj.docstring is not None:
            obj.docstring.value = ROLE.sub(link, obj.docstring.value)
