"""The command line: ``fillwright COMMAND``, each a function in the file of its subject; ``fillwright --help`` lists them.

Exit codes: 0 all well, 1 a run or a check failed, 2 a wrong command line, configuration or data. Errors are text on stderr.
Commands import what they need when they run, so that help and configuration checks start fast.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import CycloptsError

from fillwright.cli import datasets, doctors, proof, runs, settings
from fillwright.cli.shared import app
from fillwright.errors import FillwrightError

__all__ = ["app", "main", "proof", "runs"]

# runs and proof add their commands to app when they are imported
for _group in (settings, datasets, doctors):
    app.command(_group.app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        code = app(sys.argv[1:] if arguments is None else arguments, exit_on_error=False, print_error=False, help_on_error=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except CycloptsError as error:
        return _fail(f"{error}\n  fillwright --help lists the commands; add --help to a command for its options", 2)
    except FillwrightError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted", 1)
    except BrokenPipeError:
        # The reader went away (| head): not worth a message, but Python would write one while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("FILLWRIGHT_DEBUG"):
            raise
        message = (
            f"internal error: {type(error).__name__}: {error}\n  This is a fault of fillwright. FILLWRIGHT_DEBUG=1 shows where."
        )
        return _fail(message, 1)


def _fail(message: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code
