"""Render a page's record to self-contained HTML."""

from __future__ import annotations

import jinja2
from markupsafe import Markup

STYLE_NAME = "page.css"


def render(template: str, page: object) -> str:
    """Fill a template of this package.

    Parameters
    ----------
    template
        Its file name.
    page
        Frozen record with the content of the template.
    """
    loader = jinja2.PackageLoader("secfpp.report", package_path="templates")
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = Markup(loader.get_source(environment, STYLE_NAME)[0])  # noqa: S704  ships with us
    return environment.get_template(template).render(page=page, css=style)
