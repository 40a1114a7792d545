"""`secfpp presets`: ready settings for published data sets."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from secfpp.cli.outcome import Outcome
from secfpp.cli.verb import Verb
from secfpp.config.presets import PREFIX, Preset, load_preset, preset_names


@dataclass(frozen=True, kw_only=True)
class Presets(Verb):
    """List ready settings for published data sets, with the papers and every departure from them.

    `secfpp run --config preset:NAME` and `secfpp compare --config preset:NAME` start from one.
    """

    show: str | None = None
    """Print the settings of this preset as JSON, to be saved, changed and named by `--config`."""

    def execute(self) -> Outcome:
        """Return all presets, or the settings of one."""
        if self.show is not None:
            settings = load_preset(self.show).settings
            return Outcome(
                record={"name": self.show, "settings": settings},
                shown=(Text(json.dumps(settings, indent=2)),),
            )
        presets = [load_preset(name) for name in preset_names()]
        return Outcome(
            record={preset.name: asdict(preset) for preset in presets},
            shown=tuple(part for preset in presets for part in _card(preset)),
        )


def _card(preset: Preset) -> tuple[RenderableType, ...]:
    """Draw one preset."""
    lines = [
        f"secfpp run --config {PREFIX}{preset.name}",
        f"data: {preset.pages}",
        f"after: {preset.after}",
        *(f"departs: {departure}" for departure in preset.departures),
    ]
    return (
        Text(f"{preset.name}: {preset.title}", style="bold"),
        Padding(Text("\n".join(lines)), (0, 0, 1, 2), expand=False),
    )
