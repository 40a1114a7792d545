"""Convert a matplotlib figure to inline SVG with the colours and fonts of the page.

Figures are drawn in placeholder colours. Each becomes a CSS variable, so that one drawing serves
light and dark pages. Ids are prefixed, because several figures share a page.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

SERIES = 8
INK, MUTED, RULE, PAPER = "#010101", "#020202", "#030303", "#040404"
CSS_VARIABLES = {INK: "--ink", MUTED: "--muted", RULE: "--rule", PAPER: "--paper"}
FONT_SIZE = 9.0

STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "secfpp",
    "font.size": FONT_SIZE,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


def series_colour(index: int) -> str:
    """Return the marker colour of series `index`; the page's `--c0` .. `--c7` in turn."""
    return f"#0a0a{index % SERIES:02x}"


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the style of the page, independently of the user's matplotlibrc."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def inline_svg(figure: Figure, *, name: str, description: str) -> str:
    """Return a figure as an `<svg>` element for the page.

    Parameters
    ----------
    figure
        Drawn within `house_style`, in its marker colours.
    name
        Unique on the page; prefixes all ids.
    description
        Text for screen readers.
    """
    buffer = io.StringIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    drawn = buffer.getvalue()
    body = drawn[drawn.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    return _labelled(_unique_ids(_page_colours(_page_type(body)), name), description)


def _page_type(body: str) -> str:
    """Remove fonts, so that text has the font of the page."""
    body = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", body)
    return re.sub(r"font-family: [^;\"]*;? ?", "", body)


def _page_colours(body: str) -> str:
    """Turn marker colours into CSS variables."""
    names = {series_colour(index): f"--c{index}" for index in range(SERIES)} | CSS_VARIABLES
    for colour, variable in names.items():
        body = body.replace(colour, f"var({variable})")
    return body


def _unique_ids(body: str, name: str) -> str:
    """Prefix ids that are referenced, and every reference; remove the other ids."""
    used = set(re.findall(r'href="#([^"]+)"', body)) | set(re.findall(r"url\(#([^)]+)\)", body))
    body = re.sub(
        r' \bid="([^"]*)"',
        lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "",
        body,
    )
    body = re.sub(r'href="#', f'href="#{name}-', body)
    return re.sub(r"url\(#", f"url(#{name}-", body)


def _labelled(body: str, description: str) -> str:
    """Give the root element a description and leave its size to the page."""
    view = re.search(r'viewBox="[^"]*"', body)
    box = view.group(0) if view else ""
    opening = f'<svg {box} role="img" aria-label="{_escaped(description)}" class="figure">'
    return re.sub(r"<svg[^>]*>", lambda _: opening, body, count=1)


def _escaped(text: str) -> str:
    """Return `text` escaped for an attribute."""
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
