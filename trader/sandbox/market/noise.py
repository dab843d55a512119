"""Random numbers that are a pure function of a counter: the same question always gets the same answer, in any order."""

import zlib

import numpy as np
from numpy.typing import NDArray

from trader.sandbox.market.source import Floats

Words = NDArray[np.uint64]
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def salt_of(text: str) -> np.uint64:
    """A number that sets one stream of such randomness apart from another."""
    return np.uint64(zlib.crc32(text.encode()))


def mixed(words: Words) -> Words:
    """Uniform 64-bit words from counters: the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def stepped(words: Words, count: Words) -> Words:
    """`words` moved on by `count` of SplitMix64's steps, to be mixed."""
    return words + count * _GOLDEN


def shares(words: Words) -> Floats:
    """Uniform in [0, 1), from mixed words."""
    return (words >> np.uint64(11)).astype(np.float64) / float(1 << 53)
