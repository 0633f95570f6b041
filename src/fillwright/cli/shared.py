"""What the commands share: the program they belong to, options with one meaning everywhere, warnings."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from fillwright._version import __version__

app = App(
    name="fillwright",
    help="Backtests whose numbers can be checked: one configuration file in, a folder with proof out.",
    version=__version__,
    default_parameter=Parameter(negative=()),
    help_format="plaintext",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)

Overrides = Annotated[
    list[str],
    Parameter(
        name="--set", negative=(), show_default=False, help="Change one setting: section.key=value. May be given several times."
    ),
]
Json = Annotated[bool, Parameter(name="--json", show_default=False, help="Print JSON for machines.")]
Switch = Annotated[bool, Parameter(show_default=False)]
Data = Annotated[list[Path] | None, Parameter(consume_multiple=True, negative=(), show_default=False)]
Hashes = Annotated[bool, Parameter(negative="--no-hashes", show_default=False)]


def warn(lines: Sequence[str]) -> None:
    """Print warnings to stderr."""
    for line in lines:
        print(f"warning: {line}", file=sys.stderr)
