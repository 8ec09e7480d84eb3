"""Pages from templates: text stays text, colors follow light and dark surroundings, nothing is loaded."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from etude_gym.errors import MissingExtra
from etude_gym.report.figures import printable
from etude_gym.report.svg import DARK, colors_in, variable, variables


def render(name: str, **content: Any) -> str:
    """A page from a template.

    Args:
        name: of the template in ``etude_gym.report``.
        content: what the template shows; text is escaped.

    Raises:
        MissingExtra: if jinja2 is not installed.
    """
    template = _environment().get_template(name)
    page = template.render(**content, variable=variable, light="", dark="")
    light, dark = variables({*DARK, *colors_in(page)})
    return str(template.render(**content, variable=variable, light=light, dark=dark))


def script(name: str) -> tuple[str, str]:
    """A script that stands in a page, and what the page's content security policy calls it.

    Args:
        name: of the file among the templates.
    """
    environment = _environment()
    text = environment.loader.get_source(environment, name)[0]
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return text, f"'sha256-{digest}'"


def _environment() -> Any:
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtra("Writing a page", "report") from error
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("etude_gym.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False}
    return environment
