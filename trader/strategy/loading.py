"""The strategy that the configuration names, made and checked before anything trades by it."""

import difflib
import importlib.metadata
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from trader.config.schema import Settings
from trader.config.strategy import StrategyName, StrategySettings
from trader.domain.errors import Misconfigured
from trader.domain.signals import HEDGE
from trader.strategy.base import Strategy
from trader.strategy.checking import check_source
from trader.strategy.parameters import with_parameters
from trader.strategy.registry import BUILT_IN
from trader.strategy.trial import TrialError, try_out

ENTRY_POINTS = "trader.strategies"
_MOST_CANDLES = 5_000


def load_strategies(settings: Settings, columns: Callable[[], Sequence[str]]) -> dict[str, Strategy]:
    """The strategy of every symbol. `columns` gives the names of the features there are; asked where one is wanted.

    Raises `Misconfigured` with what is wrong, where, and what is allowed.
    """
    usual = load_strategy(settings.strategy, columns)
    found = dict.fromkeys(settings.exchange.symbols, usual)
    for symbol, own in settings.symbols.items():
        if "strategy" in own.given():
            found[symbol] = load_strategy(settings.for_symbol(symbol).strategy, columns, f"symbols.{symbol}.strategy")
    return found


def load_strategy(
    settings: StrategySettings, columns: Callable[[], Sequence[str]], block: str = "strategy"
) -> Strategy:
    """The strategy of one `block`."""
    if settings.own_class is not None:
        return _own(settings.own_class, settings, columns, block)
    if settings.name is StrategyName.ENSEMBLE:
        if settings.parameters:
            given = ", ".join(settings.parameters)
            raise Misconfigured(f"{block}.parameters: given {given}; the ensemble's keys stand in `strategy` itself")
        return BUILT_IN[settings.name](settings)
    return with_parameters(BUILT_IN[settings.name], settings.parameters, block)


def _own(reference: str, settings: StrategySettings, columns: Callable[[], Sequence[str]], block: str) -> Strategy:
    """A class of the user's, checked: its source first, then what it asks for, then what it answers."""
    key = f"{block}.class"
    found = _from_file(reference, key) if ".py:" in reference else _from_entry_point(reference, key)
    where = _place(found)
    if found.strategy_id in {HEDGE, *(name.value for name in StrategyName)}:
        raise Misconfigured(f"{where}: strategy_id {found.strategy_id!r} is that of a built-in one; choose another")
    _check_wishes(found, where, columns() if found.features else ())
    strategy = with_parameters(found, settings.parameters, block)
    try:
        try_out(strategy, with_parameters(found, settings.parameters, block))
    except TrialError as error:
        raise Misconfigured(f"{where}: class {found.__name__}: {error}") from None
    except Exception as error:  # edge: anybody's code  # noqa: BLE001
        raise Misconfigured(f"{_raised_at(error, where)}: propose: {type(error).__name__}: {error}") from None
    return strategy


def _from_file(reference: str, key: str) -> type[Strategy]:
    file, _, name = reference.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise Misconfigured(f"{key}: given {reference}; there is no file {path.resolve()}")
    check_source(path)
    module_name = f"trader_strategy_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise Misconfigured(f"{key}: given {reference}; {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # where pydantic looks for the names in annotations
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # edge: anybody's code  # noqa: BLE001
        raise Misconfigured(f"{_raised_at(error, str(path))}: {type(error).__name__}: {error}") from None
    return _class_of(module, name, str(path))


def _from_entry_point(name: str, key: str) -> type[Strategy]:
    known = {point.name: point for point in importlib.metadata.entry_points(group=ENTRY_POINTS)}
    if name not in known:
        listed = ", ".join(sorted(known)) or "none is installed"
        raise Misconfigured(f"{key}: given {name}; allowed: file.py:Class, or an entry point ({listed})")
    module_name, _, class_name = known[name].value.partition(":")
    package = module_name.partition(".")[0]
    spec = importlib.util.find_spec(module_name)
    if spec is None or spec.origin is None:
        raise Misconfigured(f"{key}: given {name}; its module {module_name} is not installed")
    check_source(Path(spec.origin), own=(package,))
    return _class_of(importlib.import_module(module_name), class_name, spec.origin)


def _class_of(module: ModuleType, name: str, where: str) -> type[Strategy]:
    found = getattr(module, name, None)
    if isinstance(found, type) and issubclass(found, Strategy) and not inspect.isabstract(found):
        return found
    there = [n for n, one in vars(module).items() if isinstance(one, type) and issubclass(one, Strategy)]
    usable = ", ".join(n for n in there if n != "Strategy") or "none"
    what = "has no propose method" if isinstance(found, type) and issubclass(found, Strategy) else "is no Strategy"
    problem = f"{name} {what if found is not None else 'is not there'}" if name else "names no class"
    raise Misconfigured(f"{where}: {problem}; strategies there: {usable}")


def _check_wishes(found: type[Strategy], where: str, columns: Sequence[str]) -> None:
    """What the class asks to see must exist."""
    candles: object = found.candles
    if not (isinstance(candles, int) and 1 <= candles <= _MOST_CANDLES):
        raise Misconfigured(f"{where}: candles: given {candles!r}; allowed: a whole number from 1 to {_MOST_CANDLES}")
    unknown = [str(name) for name in found.features if name not in columns]
    if unknown:
        near = difflib.get_close_matches(unknown[0], columns, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "allowed: the names of `trader features`"
        raise Misconfigured(f"{where}: features: given {', '.join(unknown)}, which this market does not have; {hint}")


def _place(found: type[Strategy]) -> str:
    """File and line of the class."""
    try:
        return f"{inspect.getsourcefile(found)}:{inspect.getsourcelines(found)[1]}"
    except (OSError, TypeError):
        return found.__module__


def _raised_at(error: BaseException, where: str) -> str:
    """File and line of the user's code that raised."""
    file = where.rpartition(":")[0] or where
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).resolve() == Path(file).resolve()
    ]
    return f"{file}:{frames[-1].lineno}" if frames else where
