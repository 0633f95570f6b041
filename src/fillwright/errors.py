"""Everything that fillwright raises on purpose.

    FillwrightError
    |-- UsageError          a wrong call or command line            (exit code 2)
    |   |-- ConfigError     a wrong configuration                   (exit code 2)
    |   `-- DataError       market data that cannot be used         (exit code 2)
    |-- RunFailed           a run that stopped before its end       (exit code 1)
    |   |-- StrategyError   the user's strategy or model raised     (exit code 1)
    |   `-- RunInterrupted  Ctrl-C                                  (exit code 1)
    `-- CheckFailed         a check that did not hold               (exit code 1)

A message says what was found, where, and what to do. A failed ``assert`` is never one of these: it is a bug of ours.
"""

from __future__ import annotations


class FillwrightError(Exception):
    """Base of all errors that fillwright raises on purpose.

    ``where`` is a place the reader can go to (``file:line``, a key path, a data time); ``remedy`` says what to do.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str | None = None, remedy: str | None = None) -> None:
        self.message = message
        self.where = where
        self.remedy = remedy
        super().__init__(message)

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n  {self.remedy}" if self.remedy else text


class UsageError(FillwrightError):
    """A wrong call: unknown symbol, two sizes, a misspelt keyword."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration that does not say what to do, or says two things."""


class DataError(UsageError):
    """Market data that cannot be used as it is."""


class RunFailed(FillwrightError):
    """A run that stopped before its end."""


class StrategyError(RunFailed):
    """The user's strategy, subscriber or model raised; the original exception is the cause."""


class RunInterrupted(RunFailed):
    """The run was interrupted by the user."""


class CheckFailed(FillwrightError):
    """A verification that did not hold."""
