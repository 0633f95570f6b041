"""``fillwright doctor``: isolation, causality, env."""

from __future__ import annotations

import json as json_format
import logging
from pathlib import Path

from cyclopts import App

from fillwright.cli.shared import Json, Overrides

app = App(name="doctor", help="Prove that runs are isolated and know nothing of the future; show what is installed.")


@app.command
def isolation(config: Path, /, *, overrides: Overrides = [], runs: int = 500, json: Json = False) -> int:  # noqa: B006
    """Run before and after other runs, in threads and processes; exit code 1 if a run leaves or takes anything.

    Parameters
    ----------
    config
        Configuration file.
    runs
        How many runs the memory check makes; 0 leaves it out.
    """
    from fillwright.config.load import load_config

    load_config(config, overrides)  # what is wrong shows at once, before anything heavy is imported
    from fillwright.doctor.isolation import isolation as examine
    from fillwright.doctor.subject import Subject

    diagnosis = examine(Subject.of_config(config, overrides), runs=runs)
    print(diagnosis.to_json() if json else diagnosis.text())
    return 0 if diagnosis.ok else 1


@app.command
def causality(config: Path, /, *, overrides: Overrides = [], cuts: int = 40, json: Json = False) -> int:  # noqa: B006
    """Replace the data after many instants by noise; exit code 1 if an earlier decision changes.

    Parameters
    ----------
    config
        Configuration file.
    cuts
        How many instants.
    """
    from fillwright.config.load import load_config

    load_config(config, overrides)  # what is wrong shows at once, before anything heavy is imported
    from fillwright.doctor.causality import causality as examine
    from fillwright.doctor.subject import Subject

    diagnosis = examine(Subject.of_config(config, overrides), cuts=cuts)
    print(diagnosis.to_json() if json else diagnosis.text())
    return 0 if diagnosis.ok else 1


@app.command
def env(*, json: Json = False) -> int:
    """Show versions, cores, the kernel's cache and optional libraries."""

    # the kernel announces that it has to be compiled, which this command does not do
    logging.getLogger("fillwright").setLevel(logging.ERROR)
    from fillwright.doctor.environment import environment, environment_text

    facts = environment()
    print(json_format.dumps(facts, indent=2) if json else environment_text(facts))
    return 0
