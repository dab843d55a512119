"""In which order the modules of the tests begin when several processes share them."""

from pathlib import PurePath

_FIRST = ("scenario", "integration", "property", "training")


def turn(module: PurePath) -> int:
    """What waits and what is long comes first, smallest number first: at the end no process has much left alone.

    Scenarios begin while scripts/check still runs beside: it takes the core that they leave while they wait.
    """
    return next((number for number, folder in enumerate(_FIRST) if folder in module.parts), len(_FIRST))
