"""Arrays of numbers: their types, their sums, and the generators that draw them."""

from __future__ import annotations

import hashlib
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Values = TypeVar("Values", Integers, Numbers)


def make_generator(key: str) -> np.random.Generator:
    """Return a generator of random numbers, always the same ones for a key.

    Philox (Salmon et al. 2011) is made for this: any key starts a sequence of its own, at once.
    """
    digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
    words = np.frombuffer(digest, "<u8")
    return np.random.Generator(np.random.Philox(key=words))


def sum_groups(groups: Integers, values: Values, count: int) -> Values:
    """Return the sum of the values of each group; of whole ones exactly, up to 2**53.

    Parameters
    ----------
    groups : array of int
        The group of each value, from 0.
    values : array of int or float
    count : int
        Of groups; a group may have no value.
    """
    sums = np.bincount(groups, weights=values, minlength=count)
    return sums.astype(values.dtype)


def take_share(counts: Integers, share: Numbers | float, rounding: Numbers) -> Integers:
    """Return a share of each count as a whole number, which is right on average.

    A larger share never gives less; the share 1 gives the count, and all counts that share a
    `rounding` keep their order.

    Parameters
    ----------
    counts : array of int
    share : array of float, or float
        From 0 to 1.
    rounding : array of float
        From 0 to 1, drawn once for each count.
    """
    return np.floor(counts * share + rounding).astype(np.int64)
