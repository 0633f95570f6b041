"""Where the files of a configuration lie: beside it, or inside an installed package."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from fillwright.errors import ConfigError

PACKAGE = "package:"


def data_folder(folder: str, base: str | Path) -> Path:
    """The folder that ``data.folder`` means; ``base`` is the folder of the configuration file.

    ``package:NAME/inside`` is a folder inside an installed Python package, which is found and not imported. ConfigError when
    the package is not installed.
    """
    if not folder.startswith(PACKAGE):
        return Path(base) / folder
    name, _, inside = folder.removeprefix(PACKAGE).partition("/")
    if not name.isidentifier():
        # A dot would have to import the package around it.
        remedy = "write package:NAME/folder, with the name of a top-level package"
        raise ConfigError(f"{folder!r} names no package", where="data.folder", remedy=remedy)
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        remedy = f"install it: pip install {name}"
        raise ConfigError(f"the package {name!r} is not installed", where="data.folder", remedy=remedy)
    return Path(next(iter(spec.submodule_search_locations))) / inside
