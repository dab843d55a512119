"""Exactly what a model sees: which columns, of which candles, made from which symbols."""

import hashlib

import msgspec

from trader.config.schema import Settings
from trader.domain.market import Book, Trade
from trader.features.catalogue import (
    catalogue,
    check_higher,
    column_names,
    feature_set_hash,
    model_inputs,
    warm_up,
)
from trader.features.columns import Feature
from trader.features.groups.group import Among, Beside, Group, Told
from trader.features.groups.registry import chosen, made


class FeatureSet(msgspec.Struct, frozen=True):
    """Training and live make one from the same settings; models are bound to its hash."""

    timeframe: str
    higher_timeframes: tuple[str, ...]
    symbols: tuple[str, ...]  # the market leader first; ranks are taken over all of them
    groups: tuple[str, ...]  # optional columns, in catalogue order

    @classmethod
    def of(cls, settings: Settings, symbols: tuple[str, ...] | None = None) -> "FeatureSet":
        """What a model of `symbols` (the configured ones) sees under `settings`."""
        symbols = settings.exchange.symbols if symbols is None else symbols
        wanted = chosen(settings.model.feature_groups)
        groups = tuple(group.name for group in wanted if group.is_there(settings, symbols))
        market = settings.market
        return cls(market.timeframe, check_higher(market.timeframe, market.higher_timeframes), symbols, groups)

    @property
    def catalogue(self) -> tuple[Feature, ...]:
        """A row's columns, in order."""
        return catalogue(self.higher_timeframes, self.groups)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of a row's columns, in order."""
        return column_names(self.higher_timeframes, self.groups)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the columns a model sees, in order."""
        return model_inputs(self.higher_timeframes, self.groups)

    @property
    def warm_up(self) -> int:
        """Candles that give no row."""
        return warm_up(self.timeframe, self.higher_timeframes)

    @property
    def leader(self) -> str | None:
        """The symbol beside which columns are made, if there are such."""
        return self.symbols[0] if made(Beside, self.groups) else None

    @property
    def compared(self) -> tuple[str, ...]:
        """The symbols among which columns are made, if there are such."""
        return self.symbols if made(Among, self.groups) else ()

    @property
    def told(self) -> list[tuple[Group, Told]]:
        """The groups that are made from events beside the candles."""
        return made(Told, self.groups)

    @property
    def beside_leader(self) -> list[int]:
        """Where in a row the columns stand that need the leader's candle."""
        beside = {group.name for group, _ in made(Beside, self.groups)}
        return [i for i, column in enumerate(self.catalogue) if column.group in beside]

    @property
    def hears(self) -> frozenset[type[Book] | type[Trade]]:
        """The market events that columns are made from."""
        return frozenset(kind for _, how in self.told for kind in how.hears)

    @property
    def sources(self) -> dict[str, int]:
        """Sources of observations that columns need -> how long before the first candle they are needed, ms."""
        found: dict[str, int] = {}
        for _, how in self.told:
            found |= {source: max(how.lookback_ms, found.get(source, 0)) for source in how.sources}
        return found

    @property
    def hash(self) -> str:
        """Identity of the definitions. Another leader, other symbols to compare, another bound are other features."""
        definitions = feature_set_hash(self.higher_timeframes, self.groups)
        leader = () if self.leader is None else (self.leader,)
        bounds = tuple((group.name, how.stale_ms) for group, how in self.told if how.stale_ms is not None)
        parts = (definitions, leader, tuple(sorted(self.compared)), *((bounds,) if bounds else ()))
        if not any(parts[1:]):
            return definitions
        return hashlib.blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest()
