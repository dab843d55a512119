"""Candles of many symbols become one table of rows: features, labels with their end, outcomes, weights."""

from collections.abc import Mapping
from functools import partial

import msgspec
import numpy as np
from numpy.typing import NDArray

from trader.config.schema import Settings
from trader.domain.candle_arrays import CandleArrays, Floats, Times
from trader.domain.errors import Misconfigured
from trader.domain.market import timeframe_ms
from trader.domain.signals import CONTEXT_COLUMNS, MarketContext, Regime
from trader.execution.costs import ASSUMED_SPREAD_FRAC, assumed_round_trip_frac
from trader.features import NO_EXTRAS, Extras, FeatureSet, market_matrices
from trader.market.bulk import fill_gaps
from trader.models.kernels import horizon_volatility
from trader.risk.stops import barriers, horizon_sigma_frac
from trader.strategy.regime import classify
from trader.training.labels import (
    Distances,
    Outcome,
    barrier_outcome,
    forward_return,
    likeness_of_symbols,
    scaled_return,
    uniqueness,
)

REGIMES = tuple(Regime)


class Costs(msgspec.Struct, frozen=True):
    """What a round trip costs before any is measured, as fractions of the position's value."""

    taker_fee_frac: float = 0.001
    spread_frac: float = ASSUMED_SPREAD_FRAC

    @property
    def round_trip_frac(self) -> float:
        return assumed_round_trip_frac(self.taker_fee_frac, self.spread_frac)


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """One row per symbol and candle whose label is known, ordered by time. n rows, f features."""

    X: Floats  # (n, f)
    y: Floats  # (n,) forward log return / scale, clipped
    start_ms: Times  # (n,) close time of the row's candle: when the row is known
    end_ms: Times  # (n,) close time of the candle that ends the label
    symbol: NDArray[np.int64]  # (n,) position in symbols
    scale: Floats  # (n,) expected volatility of the horizon's log return
    forward: Floats  # (n,) log return over the horizon
    past: Floats  # (n,) log return over the horizon before, what naive baselines look at
    long_net: Floats  # (n,) barrier outcome of a long trade, after costs
    short_net: Floats  # (n,) of a short trade
    cost: Floats  # (n,) round trip that was subtracted
    regime: NDArray[np.int64]  # (n,) position in REGIMES
    annual_vol: Floats  # (n,) annualised volatility, as stops are measured by
    weight: Floats  # (n,) uniqueness of the label, 0..1
    symbols: tuple[str, ...]
    feature_names: tuple[str, ...]
    feature_set_hash: str
    feature_groups: tuple[str, ...] = ()

    @property
    def label_ms(self) -> float:
        """How long a label runs, ms; also the gap kept before every test fold, beyond what purging takes."""
        return float(np.median(self.end_ms - self.start_ms))

    def take(self, rows: NDArray[np.int64]) -> "Dataset":
        """The given rows, in the given order."""
        return msgspec.structs.replace(self, **{name: getattr(self, name)[rows] for name in COLUMN_NAMES})


COLUMN_NAMES = tuple(name for name in Dataset.__struct_fields__ if not name.startswith(("symbols", "feature_")))


def build_dataset(
    candles: Mapping[str, CandleArrays],
    settings: Settings,
    costs: Mapping[str, Costs] | None = None,
    extras: Extras = NO_EXTRAS,
) -> Dataset:
    """All rows of all symbols with complete features and a known label. The first symbol leads the market.

    `costs` per symbol; one that is not listed costs `Costs()`. `extras`: what the feature groups need beside candles.
    Raises `Misconfigured` if that is missing, or if no row is left, naming how many candles a symbol needs.
    """
    features = FeatureSet.of(settings, tuple(candles))
    _require(features, extras)
    filled = {symbol: fill_gaps(arrays, timeframe_ms(features.timeframe)) for symbol, arrays in candles.items()}
    parts = [
        symbol_rows(
            symbol, filled[symbol], matrix, features, settings.for_symbol(symbol), (costs or {}).get(symbol, Costs())
        )
        for symbol, matrix in market_matrices(
            filled,
            features.timeframe,
            features.groups,
            higher_timeframes=features.higher_timeframes,
            extras=extras,
        )
    ]
    table = _joined([part for part in parts if part is not None])
    if table is None:
        needed = features.warm_up + settings.model.horizon_candles
        most = max((len(arrays.open_ms) for arrays in candles.values()), default=0)
        raise Misconfigured(
            f"nothing to train on: features and labels need more than {needed} {features.timeframe} candles "
            f"of a symbol, the longest history has {most}{_also_needed(features)}"
        )
    return table


def _require(features: FeatureSet, extras: Extras) -> None:
    """Every symbol has what the groups are made from."""
    for group, _ in features.told:
        lacking = [symbol for symbol in features.symbols if symbol not in extras.get(group.name, {})]
        if lacking:
            raise Misconfigured(
                f"model.feature_groups has {group.name}, but there is none of {', '.join(lacking)}; "
                f"record it first or leave {group.name} out"
            )


def _also_needed(features: FeatureSet) -> str:
    return f", and a row needs every column of the groups {', '.join(features.groups)}" if features.groups else ""


def symbol_rows(
    symbol: str, candles: CandleArrays, matrix: Floats, features: FeatureSet, settings: Settings, costs: Costs
) -> Dataset | None:
    """The rows of one symbol from its continuous candles and `features` of them; None if none is complete."""
    horizon, length_ms = settings.model.horizon_candles, timeframe_ms(features.timeframe)
    names = features.columns
    inputs = [names.index(name) for name in features.inputs]
    context = matrix[:, [names.index(name) for name in CONTEXT_COLUMNS]]
    rows = np.flatnonzero(np.isfinite(matrix[:, inputs]).all(axis=1) & np.isfinite(context).all(axis=1))
    rows = rows[rows + horizon < len(candles.close)]
    if len(rows) == 0:
        return None
    atr, close = context[:, CONTEXT_COLUMNS.index("atr_14")], candles.close
    regime, distances = _barriers(context, rows, settings, horizon * length_ms)
    trade = partial(barrier_outcome, candles, distances, horizon, costs.round_trip_frac, settings.risk)
    long, short = trade(side=1), trade(side=-1)
    known = candles.open_ms + length_ms
    one = np.zeros(len(rows), np.int64)
    return Dataset(
        X=np.ascontiguousarray(matrix[rows][:, inputs]),
        y=scaled_return(close, atr, horizon)[rows],
        start_ms=known[rows],
        end_ms=known[rows + horizon],
        symbol=one,
        scale=horizon_volatility(atr / close, horizon)[rows],
        forward=forward_return(close, horizon)[rows],
        past=np.log(close[rows] / close[rows - horizon]),
        long_net=_net(long, rows),
        short_net=_net(short, rows),
        cost=np.full(len(rows), costs.round_trip_frac),
        regime=regime[rows],
        annual_vol=_annual_vol(context, rows),
        weight=np.ones(len(rows)),
        symbols=(symbol,),
        feature_names=features.inputs,
        feature_groups=features.groups,
        feature_set_hash=features.hash,
    )


def sampled(table: Dataset, largest_rows: int) -> Dataset:
    """At most `largest_rows` rows (0 = all), evenly spread over time, weighted by the uniqueness of their labels."""
    n, likeness = len(table.y), likeness_of_symbols(table.y, table.start_ms)
    if largest_rows and n > largest_rows:
        table = table.take(np.unique(np.linspace(0, n - 1, largest_rows).astype(np.int64)))
    weight = uniqueness(table.start_ms, table.end_ms, table.symbol, likeness)
    return msgspec.structs.replace(table, weight=weight)


def _annual_vol(context: Floats, rows: NDArray[np.int64]) -> Floats:
    return np.array([MarketContext(*values).annual_vol for values in context[rows].tolist()])


def _net(outcome: Outcome, rows: NDArray[np.int64]) -> Floats:
    return outcome.net[rows]


def _barriers(
    context: Floats, rows: NDArray[np.int64], settings: Settings, horizon_ms: int
) -> tuple[NDArray[np.int64], Distances]:
    """Per candle: regime and distances of the exits, by the functions that guard live positions."""
    n = len(context)
    regimes, found = np.zeros(n, np.int64), np.full((n, 3), np.nan)
    previous: Regime | None = None
    for row, values in zip(rows.tolist(), context[rows].tolist(), strict=True):
        here = MarketContext(*values)
        previous = classify(here, previous, settings.strategy)
        rule = settings.strategy.regimes[previous]
        sigma = horizon_sigma_frac(here.annual_vol, horizon_ms)
        found[row] = barriers(
            here.atr_14 / here.close, rule.stop_loss_frac, rule.take_profit_frac, sigma, settings.risk
        )
        regimes[row] = REGIMES.index(previous)
    return regimes, Distances(*np.ascontiguousarray(found.T))


def _joined(parts: list[Dataset]) -> Dataset | None:
    """All parts in time order; rows of one instant in the order of the symbols."""
    if not parts:
        return None
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMN_NAMES}
    columns["symbol"] = np.repeat(np.arange(len(parts)), [len(part.y) for part in parts])
    order = np.lexsort((columns["symbol"], columns["start_ms"]))
    symbols = tuple(symbol for part in parts for symbol in part.symbols)
    return msgspec.structs.replace(
        parts[0], symbols=symbols, **{name: column[order] for name, column in columns.items()}
    )
