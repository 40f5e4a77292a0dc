"""The store that the page on own stores shows keeps what every store promises."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

PAGE = Path(__file__).parents[2] / "docs/how-to/own-store.md"


def shown() -> Any:
    module = ModuleType("own_store")
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(block, vars(module))  # noqa: S102 - it is a page of ours
    return module


TestDictStore = shown().TestDictStore
