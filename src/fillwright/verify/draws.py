"""Keyed draws: what a run drew for one thing depends on nothing else. Rules: ``docs/execution_rules.md`` §9 and §10."""

from __future__ import annotations

_MASK = 2**64 - 1


def _mix(x: int) -> int:
    z = (x + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def draw(seed: int, *key: int) -> float:
    """Uniform in [0, 1), keyed: it depends on nothing else."""
    h = _mix(seed & _MASK)
    for part in key:
        h = _mix(h ^ (part & _MASK))
    return (h >> 11) / 2**53
