"""What a domain has, where a test knows of which kind it is."""

import numpy as np
from numpy.typing import NDArray

from secfpp.data.domains import Domain
from secfpp.data.images import ImageFiles


def own_test_part(domain: Domain) -> NDArray[np.bool_]:
    """Return which images a data set itself keeps for testing."""
    assert domain.is_test_N is not None
    return domain.is_test_N


def files_of(domain: Domain) -> ImageFiles:
    """Return the images of a domain that lie in files."""
    assert isinstance(domain.images_NHW3, ImageFiles)
    return domain.images_NHW3
