"""Recorded messages of Binance, and where ours differ from them."""

import gzip
import json
import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

_NAMES = ("filterType", "rateLimitType", "asset", "a")  # what tells the elements of a list apart


def folder() -> Path:
    return Path(os.environ["TRADER_DATA"]) / "wire"


def sample(market: str, name: str) -> Any:
    """One of the single messages: `market` spot or futures, and the file's name."""
    [path] = (folder() / "nautilus" / "binance" / market).glob(f"*/{name}.json")
    return json.loads(path.read_text())


def samples(market: str) -> list[str]:
    """Names of all of them."""
    return sorted(path.stem for path in (folder() / "nautilus" / "binance" / market).glob("*/*.json"))


@cache
def session(name: str) -> Mapping[str, Any]:
    """The first message of every kind in a recorded session (`hftbacktest/...`, `cryptofeed/...`).

    By event name ("depthUpdate"), "bookTicker" where it has none, "depth" and "exchangeInfo" for answers.
    """
    found: dict[str, Any] = {}
    for message in _messages(folder() / f"{name}.gz"):
        content = message.get("data", message)
        found.setdefault(_kind(content), content)
    return found


def _messages(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt") as lines:
        for line in lines:
            begin = line.find("{")
            if begin >= 0 and not line.startswith("configuration"):
                yield json.loads(line[begin:])


def _kind(content: Mapping[str, Any]) -> str:
    if "e" in content:
        return str(content["e"])
    return "exchangeInfo" if "symbols" in content else "depth" if "bids" in content else "bookTicker"


def differences(ours: Any, theirs: Any, where: str = "") -> set[str]:
    """Keys that one side lacks, values of another JSON type. Of a list of rows the first ones are compared, or those of
    the same name."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = {f"{where}.{key} is missing" for key in theirs.keys() - ours.keys()}
        found |= {f"{where}.{key} is extra" for key in ours.keys() - theirs.keys()}
        for key in theirs.keys() & ours.keys():
            found |= differences(ours[key], theirs[key], f"{where}.{key}")
        return found
    if isinstance(ours, list) and isinstance(theirs, list):
        return _of_lists(ours, theirs, where)
    return set() if type(ours) is type(theirs) else {f"{where} is {_type(ours)}, recorded {_type(theirs)}"}


def _of_lists(ours: list[Any], theirs: list[Any], where: str) -> set[str]:
    if not ours or not theirs:
        return set()
    name = next((name for name in _NAMES if isinstance(theirs[0], dict) and name in theirs[0]), None)
    if name is not None:
        mine = {row.get(name): row for row in ours if isinstance(row, dict)}
        both = [(mine[row[name]], row, f"{where}[{row[name]}]") for row in theirs if row[name] in mine]
        return set().union(*(differences(*pair) for pair in both or [(ours[0], theirs[0], f"{where}[]")]))
    if isinstance(theirs[0], list) and isinstance(ours[0], list):  # rows without names: each place has its type
        types = [[_type(value) for value in rows[0]] for rows in (ours, theirs)]
        return set() if types[0] == types[1] else {f"{where}[] is {types[0]}, recorded {types[1]}"}
    return differences(ours[0], theirs[0], f"{where}[]")


def _type(value: Any) -> str:
    return "null" if value is None else type(value).__name__
