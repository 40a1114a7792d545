"""The cluster section: a map of the clients and the table of domains by found clusters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from markupsafe import Markup

from secfpp.report.kit.figures import looks, swatch
from secfpp.report.kit.text import NOTHING
from secfpp.report.run.cluster_picture import cluster_map
from secfpp.report.run.records import ClusterMap


@dataclass(frozen=True, kw_only=True)
class LegendKey:
    """A marker and its name."""

    key: Markup
    title: str


@dataclass(frozen=True, kw_only=True)
class CountLine:
    """Number of clients of one domain in each cluster."""

    title: str
    numbers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ClusterSection:
    """Content of the section."""

    text: str
    picture: Markup
    legend: tuple[LegendKey, ...]
    columns: tuple[str, ...]
    counts: tuple[CountLine, ...]


def cluster_section(clusters: ClusterMap) -> ClusterSection:
    """Return map, legend and table of one clustering."""
    domains = list(dict.fromkeys(clusters.domains))
    known = looks(domains)
    labels = sorted(set(clusters.labels))
    counted = Counter(zip(clusters.domains, clusters.labels, strict=True))
    return ClusterSection(
        text=f"Descriptors of the clients on their two principal axes, with the clusters found in "
        f"round {clusters.round} of {clusters.method}, seed {clusters.seed}.",
        picture=Markup(cluster_map(clusters, known)),  # noqa: S704  drawn here
        legend=tuple(
            LegendKey(
                key=Markup(swatch(look, name=f"domain{index}", line=False)),  # noqa: S704
                title=domain,
            )
            for index, (domain, look) in enumerate(known.items())
        ),
        columns=tuple(str(label) for label in labels),
        counts=tuple(
            CountLine(
                title=domain,
                numbers=tuple(str(counted[domain, label] or NOTHING) for label in labels),
            )
            for domain in domains
        ),
    )
