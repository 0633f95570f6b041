"""``python -m fillwright``."""

from __future__ import annotations

import sys

from fillwright.cli import main

if __name__ == "__main__":
    sys.exit(main())
