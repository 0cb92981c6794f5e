"""Random numbers of one quantity that no other quantity moves."""

import hashlib
from collections.abc import Callable

import numpy as np

from pmbudget.vocabulary import BLOCK


def generator(seed: int, name: str, block: int) -> np.random.Generator:
    """The generator of one quantity in one block: adding a parameter never changes another's draws."""
    word = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return np.random.default_rng([seed, word, block])


def in_blocks(n: int, seed: int, name: str, draw: Callable[[np.random.Generator, int], np.ndarray]) -> np.ndarray:
    """``n`` draws along the first axis, each block of them drawn whole, so that n = 200 is the start of n = 4,000."""
    blocks = [draw(generator(seed, name, block), BLOCK) for block in range(-(-n // BLOCK))]
    return np.concatenate(blocks)[:n]
