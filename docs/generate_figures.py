"""Draw docs/figures/who-holds-what.svg and docs/figures/one-round.svg.

python docs/generate_figures.py
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

FIGURES: Final = Path(__file__).parent / "figures"
COLOURS: Final = {
    "client": ("#e8f1fb", "#2f6fb0"),
    "party": ("#fdf1df", "#b9770e"),
    "dealer": ("#eef6ea", "#4d8a34"),
    "server": ("#f1eef7", "#6f5a9e"),
}
LINE: Final = "#55606b"
STYLE: Final = (
    "text{font-family:'DejaVu Sans',Verdana,sans-serif;fill:#1d2731}"
    ".name{font-size:15px;font-weight:bold}.line{font-size:13px}.label{font-size:12px;fill:#38424d}"
)
MARKER: Final = (
    '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
    'markerHeight="7" orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" '
    f'fill="{LINE}"/></marker></defs>'
)
Point = tuple[float, float]


def text(at: Point, words: str, *, style: str = "label", anchor: str = "middle") -> str:
    """Return one line of text."""
    x, y = at
    return (
        f'<text class="{style}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'
    )


def box(kind: str, at: Point, size: Point, name: str, lines: Sequence[str] = ()) -> str:
    """Return a box of a role, with its name and what it holds or does."""
    (x, y), (width, height) = at, size
    fill, edge = COLOURS[kind]
    top = y + height / 2 - 9 * len(lines) + 5
    middle = x + width / 2
    parts = [
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8" '
        f'fill="{fill}" stroke="{edge}" stroke-width="1.5"/>',
        text((middle, top), name, style="name"),
    ]
    parts += [
        text((middle, top + 18 * (row + 1)), line, style="line") for row, line in enumerate(lines)
    ]
    return "\n".join(parts)


def arrow(path: Sequence[Point], *, both: bool = False, dashed: bool = False) -> str:
    """Return a line through some points with a tip at its end, or at both ends."""
    points = " ".join(f"{x:g},{y:g}" for x, y in path)
    start = ' marker-start="url(#tip)"' if both else ""
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return (
        f'<polyline points="{points}" fill="none" stroke="{LINE}" stroke-width="1.5"{dash} '
        f'marker-end="url(#tip)"{start}/>'
    )


def drawing(size: tuple[int, int], title: str, parts: Sequence[str]) -> str:
    """Return a whole picture."""
    width, height = size
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="{escape(title)}">'
    )
    ground = f'<rect width="{width}" height="{height}" rx="10" fill="#ffffff"/>'
    return "\n".join([head, f"<style>{STYLE}</style>", MARKER, ground, *parts, "</svg>\n"])


def who_holds_what() -> str:
    """Return the roles, what each holds, and what goes between them."""
    parts = [
        box("client", (30, 110), (220, 74), "Client 1", ["its images", "its prompt P_G + P_L"]),
        box("client", (30, 204), (220, 74), "Client 2", ["its images", "its prompt P_G + P_L"]),
        box("client", (30, 298), (220, 74), "Client N", ["its images", "its prompt P_G + P_L"]),
        box("party", (480, 110), (220, 74), "Party 0", ["one share of everything"]),
        box("party", (480, 298), (220, 74), "Party 1", ["one share of everything"]),
        box("dealer", (800, 204), (170, 74), "Dealer", ["masks and keys,", "never a share"]),
        box("server", (480, 430), (220, 60), "Server", ["settings and schedule"]),
        arrow([(250, 140), (478, 140)]),
        text((364, 131), "share 0"),
        arrow([(250, 172), (478, 316)]),
        text((452, 274), "share 1"),
        arrow([(250, 226), (478, 160)], dashed=True),
        arrow([(250, 256), (478, 330)], dashed=True),
        arrow([(250, 318), (478, 176)], dashed=True),
        arrow([(250, 345), (478, 345)], dashed=True),
        arrow([(590, 186), (590, 296)], both=True),
        text((600, 236), "values under", anchor="start"),
        text((600, 252), "fresh masks", anchor="start"),
        arrow([(885, 204), (885, 147), (702, 147)]),
        text((794, 138), "correlated randomness"),
        arrow([(885, 278), (885, 335), (702, 335)]),
        text((794, 353), "correlated randomness"),
        arrow([(590, 430), (590, 374)], both=True),
        text((600, 406), "to and from each party:", anchor="start"),
        text((600, 422), "start, stop, number of iterations", anchor="start"),
        text((140, 400), "Back to each client: shares of its own"),
        text((140, 416), "cluster's mean and size. Nobody else"),
        text((140, 432), "can put them together."),
        text((500, 36), "Who holds what", style="name"),
        text((500, 60), "Each arrow is a TLS 1.3 link with a certificate at both ends."),
        text((500, 78), "One share alone is uniformly random."),
    ]
    return drawing((1000, 510), "Who holds what: clients, parties, dealer, server", parts)


def one_round() -> str:
    """Return one round of SecFPP, lane by lane."""
    lanes = [("client", 60, "Each client"), ("party", 220, "Parties"), ("dealer", 380, "Dealer")]
    parts = [text((520, 34), "One round", style="name")]
    for kind, top, name in lanes:
        fill = COLOURS[kind][0]
        parts.append(
            f'<rect x="20" y="{top}" width="1000" height="140" rx="8" fill="{fill}" '
            'opacity="0.35"/>'
        )
        parts.append(text((34, top + 22), name, style="name", anchor="start"))
    step = (175, 82)
    parts += [
        box("client", (40, 96), step, "1 Train P_G", ["some steps on", "its own images"]),
        box("client", (235, 96), step, "2 Split", ["descriptor and update", "into shares"]),
        box("client", (625, 96), step, "6 Add up", ["its shares: the mean", "is its new P_G"]),
        box("client", (820, 96), step, "7 Train P_L", ["on top of P_G;", "it stays here"]),
        box("party", (235, 256), step, "3 Check", ["an input over a bound", "is rejected"]),
        box("party", (430, 256), step, "4 Cluster", ["k-means on shares", "of the descriptors"]),
        box("party", (625, 256), step, "5 Average", ["updates inside", "each cluster"]),
        box("dealer", (430, 412), step, "Deal", ["masks, tables and keys", "ahead of need"]),
        arrow([(215, 137), (233, 137)]),
        arrow([(322, 178), (322, 254)]),
        text((332, 210), "one share to each party", anchor="start"),
        arrow([(410, 297), (428, 297)]),
        arrow([(605, 297), (623, 297)]),
        arrow([(712, 256), (712, 180)]),
        text((722, 210), "shares of the own cluster's mean and size", anchor="start"),
        arrow([(800, 137), (818, 137)]),
        arrow([(517, 412), (517, 340)]),
        arrow([(430, 453), (322, 453), (322, 340)]),
        arrow([(605, 453), (712, 453), (712, 340)]),
        text((820, 282), "Values stay secret-shared.", anchor="start"),
        text((820, 310), "One opened bit says", anchor="start"),
        text((820, 328), "when to stop.", anchor="start"),
        text((820, 460), "It never gets a share.", anchor="start"),
    ]
    return drawing((1040, 540), "One round: train, split, check, cluster, average, train", parts)


PICTURES: Final = {"who-holds-what.svg": who_holds_what, "one-round.svg": one_round}


if __name__ == "__main__":
    for name, draw in PICTURES.items():
        (FIGURES / name).write_text(draw(), encoding="utf-8")
