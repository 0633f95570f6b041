"""What this machine offers to a run: versions, cores, the compiled kernel, optional libraries. No secrets."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from typing import Any

from fillwright._version import __version__
from fillwright.kernel._jit import JIT_OFF, cache_folder

LIBRARIES = ("numba", "llvmlite", "numpy", "pandas", "pyarrow", "pydantic", "ruamel.yaml", "cyclopts", "rich", "tzdata")
OPTIONAL = {
    "polars": "frames of polars as input",
    "arch": "the series of the demo",
    "scipy": "nothing of ours; the compiler uses it for linear algebra",
}
FLAGS = ("FILLWRIGHT_CACHE", "FILLWRIGHT_DEBUG", "NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK", "NUMBA_NUM_THREADS", "PYTHONHASHSEED")
"""Environment variables that change how fillwright runs; no others are shown."""


def environment() -> dict[str, Any]:
    """Plain JSON values: versions, machine, cores, kernel cache, libraries (None = not installed), flags that are set."""
    folder = cache_folder()
    return {
        "fillwright": __version__,
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "usable_cores": _usable(),
        "kernel": {
            "folder": str(folder),
            "compiled": next(folder.glob("*/advance.advance-*.nbi"), None) is not None,
            "compiling": not JIT_OFF,
        },
        "libraries": {name: _version(name) for name in LIBRARIES},
        "optional": {name: {"version": _version(name), "for": purpose} for name, purpose in OPTIONAL.items()},
        "flags": {name: os.environ[name] for name in FLAGS if name in os.environ},
    }


def environment_text(facts: dict[str, Any]) -> str:
    """The same for people."""
    kernel = facts["kernel"]
    state = "compiled" if kernel["compiled"] else "not compiled yet: the first run takes about half a minute longer"
    if not kernel["compiling"]:
        state = "switched off (NUMBA_DISABLE_JIT): everything runs as plain Python, slowly"
    lines = [
        f"fillwright  {facts['fillwright']}",
        f"python      {facts['python']} ({facts['implementation']}) on {facts['platform']}",
        f"cores       {facts['usable_cores']} usable of {facts['cores']}",
        f"kernel      {state}",
        f"cache       {kernel['folder']}",
    ]
    lines += [f"{name:<11} {version or 'NOT INSTALLED'}" for name, version in facts["libraries"].items()]
    lines += [f"{name:<11} {one['version'] or 'not installed'} ({one['for']})" for name, one in facts["optional"].items()]
    lines += [f"{name}={value}" for name, value in facts["flags"].items()]
    return "\n".join(lines)


def _usable() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
