"""The pages of the documentation, for tests that run what they show."""

import re
from pathlib import Path

import trader

DOCS = Path(trader.__file__).parent.parent / "docs"


def shown_files(page: str) -> dict[str, str]:
    """File name -> text of every block of a page whose first line is a comment with a file name."""
    blocks = re.findall(r"^```\w+\n# (\S+\.\w+)\n(.*?)^```", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)
    return dict(blocks)
