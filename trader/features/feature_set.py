"""Exactly what a model sees: which columns, of which candles, made from which symbols."""

import hashlib

import msgspec

from trader.config.schema import Settings
from trader.features.catalogue import (
    catalogue,
    check_groups,
    check_higher,
    column_names,
    feature_set_hash,
    model_inputs,
    warm_up,
)
from trader.features.columns import Feature
from trader.features.groups.cross_section import FEWEST


class FeatureSet(msgspec.Struct, frozen=True):
    """Training and live make one from the same settings; models are bound to its hash."""

    timeframe: str
    higher_timeframes: tuple[str, str]
    symbols: tuple[str, ...]  # the market leader first; ranks are taken over all of them
    groups: tuple[str, ...]  # optional columns, in catalogue order

    @classmethod
    def of(cls, settings: Settings, symbols: tuple[str, ...] | None = None) -> "FeatureSet":
        """What a model of `symbols` (the configured ones) sees under `settings`."""
        symbols = settings.exchange.symbols if symbols is None else symbols
        is_there = {
            "leader": len(symbols) > 1,
            "funding": settings.exchange.market == "perpetual",
            "books": True,
            "peers": len(symbols) >= FEWEST,
        }
        groups = tuple(group for group in check_groups(settings.model.feature_groups) if is_there[group])
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
    def hash(self) -> str:
        """Identity of the definitions. Another leader, or other symbols to rank among, are other features."""
        definitions = feature_set_hash(self.higher_timeframes, self.groups)
        leader = self.symbols[:1] if "leader" in self.groups else ()
        peers = tuple(sorted(self.symbols)) if "peers" in self.groups else ()
        if not (leader or peers):
            return definitions
        return hashlib.blake2b(msgspec.json.encode((definitions, leader, peers)), digest_size=16).hexdigest()
