"""Files of versions before, in today's keys: what they say is still meant."""

from collections.abc import Callable, Mapping
from typing import Any

Block = Mapping[str, Any]


def as_today(values: Block) -> dict[str, Any]:
    """`values` as this version would have written them; what is no mapping is left for the validation to name."""
    mended = {**values, **_block(values, "risk", _risk)}
    symbols = values.get("symbols")
    if isinstance(symbols, Mapping):
        own = {
            name: {**given, **_block(given, "risk", _risk)} if isinstance(given, Mapping) else given
            for name, given in symbols.items()
        }
        mended["symbols"] = own
    return mended


def _block(values: Block, name: str, mend: Callable[[Block], dict[str, Any]]) -> dict[str, Any]:
    block = values.get(name)
    return {name: mend(block)} if isinstance(block, Mapping) else {}


def _risk(block: Block) -> dict[str, Any]:
    """`trail_at_r` is `target_at_r`. `take_profit_at_r` had a say only below it, where nothing ever trailed."""
    mended = {name: value for name, value in block.items() if name not in ("trail_at_r", "take_profit_at_r")}
    if "trail_at_r" in block:
        mended.setdefault("target_at_r", block["trail_at_r"])
    return mended
