"""Gaussian noise and secret samples from the operating system's randomness, and clipping.

Noise has no seed on purpose: a seed would let its owner subtract the noise, and sampling amplifies
privacy only if the sample is secret. Double precision leaves the low bits of a noised value
distinguishable in principle (Mironov, CCS 2012). A deployment against adversaries who read those
bits needs a discrete mechanism.

Shape letters: n clients, M numbers of an update, B images of a client (padded).
"""

import secrets

import numpy as np
import numpy.typing as npt

from secfpp.errors import ConfigError
from secfpp.learning.prompts import FloatArray

__all__ = ["clip_rows", "gaussian_noise", "poisson_sample"]

_UNIT = 2.0**-53


def gaussian_noise(size: int, stddev: float) -> FloatArray:
    """Draw independent Gaussian noise by Box and Muller's method.

    Parameters
    ----------
    size : int
        Numbers to draw.
    stddev : float
        Standard deviation, at least 0.

    Returns
    -------
    ndarray of float64, (size,)

    Raises
    ------
    ConfigError
        If `stddev` is negative or not finite.
    """
    if not (np.isfinite(stddev) and stddev >= 0):
        raise ConfigError(f"noise stddev={stddev} but it must be finite and at least 0")
    half = (size + 1) // 2
    uniform = _uniform(2 * half)
    radius = np.sqrt(-2.0 * np.log(uniform[:half]))
    angle = 2.0 * np.pi * uniform[half:]
    pairs = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
    return np.asarray(stddev * pairs[:size], dtype=np.float64)


def poisson_sample(mask_nB: npt.NDArray[np.bool_], rate: float) -> npt.NDArray[np.bool_]:
    """Draw every image independently with the same probability.

    Parameters
    ----------
    mask_nB : ndarray of bool, (n, B)
        True where there is an image.
    rate : float
        Probability of each, above 0 and at most 1.

    Returns
    -------
    ndarray of bool, (n, B)
        The sample, which may be empty.

    Raises
    ------
    ConfigError
        If `rate` is out of range.
    """
    if not 0 < rate <= 1:
        raise ConfigError(f"sample rate={rate} but it must be above 0, at most 1")
    return mask_nB & (_uniform(mask_nB.size).reshape(mask_nB.shape) < rate)


def clip_rows(values_nM: FloatArray, bound: float) -> FloatArray:
    """Scale down the rows whose L2 norm is above a bound.

    Parameters
    ----------
    values_nM : ndarray of float64, (n, M)
    bound : float
        Largest norm, above 0.

    Returns
    -------
    ndarray of float64, (n, M)
        Directions are kept; rows within the bound are unchanged.
    """
    norm_n1 = np.linalg.norm(values_nM, axis=1, keepdims=True)
    return np.asarray(values_nM / np.maximum(norm_n1 / bound, 1.0), dtype=np.float64)


def _uniform(size: int) -> FloatArray:
    """Draw from the open interval (0, 1), 53 bits each."""
    words = np.frombuffer(secrets.token_bytes(8 * size), dtype=np.uint64) >> np.uint64(11)
    return np.asarray((words.astype(np.float64) + 0.5) * _UNIT, dtype=np.float64)
