"""The one run loop: a strategy, a market and a configuration become a result."""

from fillwright.coordinator.continuing import fork, resume
from fillwright.coordinator.runner import Run
from fillwright.coordinator.starting import run, run_config

__all__ = ["Run", "fork", "resume", "run", "run_config"]
