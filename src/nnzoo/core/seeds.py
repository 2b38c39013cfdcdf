"""One number from many: seeds that depend on everything that should change them and on nothing else."""

from __future__ import annotations

import torch

_MASK = (1 << 64) - 1


def mix(*parts: int) -> int:
    """A well-scattered 63-bit seed from integers, the same on every machine (splitmix64 finaliser, Steele et al. 2014)."""
    state = 0x9E3779B97F4A7C15
    for part in parts:
        state = (state ^ (part & _MASK)) * 0xBF58476D1CE4E5B9 & _MASK
        state = (state ^ (state >> 27)) * 0x94D049BB133111EB & _MASK
        state ^= state >> 31
    return state >> 1


def generator(*parts: int) -> torch.Generator:
    """A generator of its own for choices that no gradient passes through (order of rows, made data, bootstrap)."""
    return torch.Generator().manual_seed(mix(*parts))


def seed_default(*parts: int) -> None:
    """Seed torch's default generators, so that dropout, recomputed activations and compiled code repeat exactly."""
    seed = mix(*parts)
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.manual_seed(seed)
