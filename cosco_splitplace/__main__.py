"""``python -m cosco_splitplace`` is the command ``cosco-splitplace``."""
from __future__ import annotations

from .cli import main

main()
