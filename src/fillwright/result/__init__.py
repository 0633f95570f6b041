"""Results: a finished run as tables, frames, figures and a folder; see :class:`Result` and :func:`load`."""

from __future__ import annotations

from fillwright.result.certificate import Certificate, Check, certify
from fillwright.result.compare import Comparison, compare
from fillwright.result.run_result import Result, SavedRun, load

__all__ = ["Certificate", "Check", "Comparison", "Result", "SavedRun", "certify", "compare", "load"]
