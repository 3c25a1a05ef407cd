"""Renders the page of a report, with the template beside this file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from wkmp_orm.report.content import content_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from wkmp_orm.report.trace import Trace

KINDS: Final = (
    "waits for a decoder",
    "is being decoded",
    "waits for its turn to write",
    "writes, and others wait",
    "anything else",
)
"""The meaning of the colours, in the order of `trace.KINDS`."""

_environment: Final = Environment(
    loader=PackageLoader("wkmp_orm.report", "."),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page_of(session: Session, library: str, trace: Trace | None) -> str:
    """Return the whole page. Raises ConfigurationError for another library's trace."""
    content = content_of(session, library, trace)
    return _environment.get_template("page.html.jinja").render(
        content=content,
        pictures=_drawn(content.pictures),
        time_line=_drawn(content.time_line),
        kinds=KINDS,
    )


def _drawn(pictures: Mapping[str, str]) -> dict[str, Markup]:
    # They come from Matplotlib. Of the library they contain only names of formats, which Matplotlib
    # escapes.
    return {name: Markup(picture) for name, picture in pictures.items()}  # noqa: S704
