"""From what a user calls the data to a `DomainSet`."""

from __future__ import annotations

from pathlib import Path

from secfpp.data.cache import load_digits
from secfpp.data.domains import DomainSet
from secfpp.data.folder import read_folder

EMBEDDED = "digits"


def load_domains(
    source: str, cache_dir: Path | None = None, *, image_size: int = 224, phrase: str | None = None
) -> DomainSet:
    """Load the embedded digits or a folder of images.

    Parameters
    ----------
    source : str
        ``"digits"``, or the path of a folder laid out as ``domain/class/*.jpg|png``.
    cache_dir : Path, optional
        Where the embedded images are kept once built; folders are read where they are.
    image_size : int
        Side in pixels to which a folder's images are resized: that of the model.
    phrase : str, optional
        Words from which prompts start; by default those of the data set.

    Returns
    -------
    DomainSet

    Raises
    ------
    DataError
        The folder is missing or cannot be used.
    """
    if source == EMBEDDED:
        domain_set = load_digits(cache_dir)
    else:
        domain_set = read_folder(Path(source).expanduser(), image_size=image_size)
    if phrase is None:
        return domain_set
    return DomainSet(
        name=domain_set.name,
        class_names=domain_set.class_names,
        domains=domain_set.domains,
        phrase=phrase,
    )
