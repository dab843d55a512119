"""How sizes come out at recorded closes: how often the cap on value binds, and whether risk taken ranks with Kelly.

python scripts/sizes.py DIR [CLOSES]: 5m candles of DIR as <SYMBOL>-5m.parquet, made 15m; the last CLOSES (all) of each.

An entry is a close whose regime trades long and whose confirmations hold, in a symbol that holds nothing. Nobody
recorded what a model would have said, so Kelly is drawn: half of it uniform over its clamp, 1 % to 10 % of equity. Odds
and shocks are those of the recorded closes. Sizes are made by `size_position` under the shipped settings, each entry
alone on the account, and in a portfolio that holds each for one horizon.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import numpy as np
from confirmations import candles_of

from trader.config.schema import Settings
from trader.config.sizing import SizingSettings
from trader.domain.candle_arrays import CandleArrays
from trader.domain.commitments import Commitment, Commitments
from trader.domain.instrument import Instrument, InstrumentKind
from trader.domain.orders import Side
from trader.domain.reasons import Code
from trader.domain.signals import CONTEXT_COLUMNS, Forecast, MarketContext, ModelInfo, ModelVerdict, Outcomes, Regime
from trader.domain.sizing import SizeFactors
from trader.features.batch import compute_matrix
from trader.features.catalogue import COLUMNS
from trader.models.statistics import rank_correlation
from trader.risk.caps import positions_with, rooms
from trader.risk.correlation import Correlations, mean_correlation, rolling_correlations
from trader.risk.overlay import Vols, beside
from trader.risk.stops import barriers, horizon_sigma_frac
from trader.sizing import Sized, SizingView, size_position
from trader.sizing.evidence import Own, odds_of
from trader.strategy.confirmations import confirmed, lacking
from trader.strategy.proposal import Enter
from trader.strategy.regime import classify
from trader.training.evaluate import outcomes
from trader.training.labels import Distances, barrier_outcome

TIMEFRAME, LENGTH_MS, HORIZON = "15m", 900_000, 16
COST_FRAC = 0.0025  # a round trip at 0.1 % a side and half a spread
EQUITY = 10_000.0
WARM_UP = 2_100  # candles before the first close that is looked at


class Close(NamedTuple):
    """One recorded close past the warm-up."""

    context: MarketContext
    regime: Regime
    stop_frac: float
    wants: bool  # the regime trades long and its confirmations hold
    net_frac: float  # of a long trade from here, NaN near the end


class Entry(NamedTuple):
    """One size that was made."""

    symbol: str
    half_kelly: float
    factors: SizeFactors


def closes_of(candles: CandleArrays, settings: Settings) -> dict[int, Close]:
    """By open time."""
    matrix = compute_matrix(*candles, TIMEFRAME)[:, [COLUMNS.index(name) for name in CONTEXT_COLUMNS]]
    rows = np.flatnonzero(np.isfinite(matrix).all(axis=1))
    found, distances = dict[int, Close](), np.full((len(matrix), 3), np.nan)
    regime: Regime | None = None
    for row, values in zip(rows.tolist(), matrix[rows].tolist(), strict=True):
        context = MarketContext(*values)
        regime = classify(context, regime, settings.strategy)
        rule = settings.strategy.regimes[regime]
        sigma = horizon_sigma_frac(context.annual_vol, HORIZON * LENGTH_MS)
        atr_frac = context.atr_14 / context.close
        distances[row] = barriers(atr_frac, rule.stop_loss_frac, rule.take_profit_frac, sigma, settings.risk)
        named = confirmed(rule, Side.BUY, context, settings.strategy)
        wants = rule.bias != "short" and not lacking(rule, named)
        found[int(candles.open_ms[row])] = Close(context, regime, float(distances[row, 0]), wants, np.nan)
    net = barrier_outcome(candles, Distances(*np.ascontiguousarray(distances.T)), HORIZON, COST_FRAC, settings.risk).net
    for row in rows.tolist():
        open_ms = int(candles.open_ms[row])
        found[open_ms] = found[open_ms]._replace(net_frac=float(net[row]))
    return found


def recorded_model(closes: Mapping[str, Mapping[int, Close]]) -> ModelInfo:
    """What a model would know of these closes: odds by regime, and each symbol's shock."""
    every = [close for of in closes.values() for close in of.values() if np.isfinite(close.net_frac)]
    pooled = _outcomes(every)
    by_regime = {regime: _outcomes([each for each in every if each.regime is regime]) for regime in Regime}
    shocks = {
        name: float(np.quantile([c.context.annual_vol for c in of.values()], 0.99)) for name, of in closes.items()
    }
    facts = (pooled.win_share, pooled.win_frac, pooled.loss_frac, False, ModelVerdict.TRADE)
    return ModelInfo(
        "recorded",
        TIMEFRAME,
        HORIZON,
        1.0,
        5.0,
        *facts,
        pooled=pooled,
        by_regime={regime: told for regime, told in by_regime.items() if told.count},
        shocked_vol=shocks,
    )


def _outcomes(closes: list[Close]) -> Outcomes:
    """Labels overlap by the horizon, and symbols move together: a close counts as little."""
    if not closes:
        return Outcomes(0.0, 0.5, 0.01, 0.01)
    return outcomes(np.array([each.net_frac for each in closes]), np.full(len(closes), 1 / HORIZON / 6.6))


def entries(
    candles: Mapping[str, CandleArrays],
    closes: Mapping[str, Mapping[int, Close]],
    settings: Settings,
    half_kelly: float | None,
    *,
    is_alone: bool = False,
    seed: int = 1,
) -> Iterator[Entry]:
    """The sizes of all entries in time order. `half_kelly`: None draws it. `is_alone`: nothing else is held then."""
    random, model = np.random.default_rng(seed), recorded_model(closes)
    series = {name: dict(zip(of.open_ms.tolist(), of.close.tolist(), strict=True)) for name, of in candles.items()}
    held: dict[str, tuple[int, Commitment]] = {}
    for open_ms in sorted(set().union(*closes.values())):
        held = {name: each for name, each in held.items() if each[0] > open_ms}
        wanted = [name for name in closes if name not in held and _wants(closes[name].get(open_ms))]
        random.shuffle(wanted)
        correlations = _correlations(series, open_ms, settings) if wanted else Correlations()
        for symbol in wanted:
            now = {name: of[open_ms] for name, of in closes.items() if open_ms in of}
            bet = half_kelly or float(random.uniform(settings.sizing.floor_frac, settings.sizing.cap_frac))
            committed = _committed({} if is_alone else held)
            sized = _sized(symbol, now, bet, committed, correlations, model, settings)
            if isinstance(sized, Sized):
                value = sized.notional
                held[symbol] = (open_ms + HORIZON * LENGTH_MS, Commitment(value, value * now[symbol].stop_frac, value))
                yield Entry(symbol, bet, sized.factors)


def _wants(close: Close | None) -> bool:
    return close is not None and close.wants


def _committed(held: Mapping[str, tuple[int, Commitment]]) -> Commitments:
    by_symbol = {name: commitment for name, (_, commitment) in held.items()}
    return Commitments(EQUITY, EQUITY - sum(each.notional for each in by_symbol.values()), by_symbol)


def _correlations(series: Mapping[str, Mapping[int, float]], open_ms: int, settings: Settings) -> Correlations:
    window = settings.risk.correlation_candles
    times = range(open_ms - window * LENGTH_MS, open_ms + 1, LENGTH_MS)
    return rolling_correlations(
        {name: [(at, of[at]) for at in times if at in of] for name, of in series.items()}, window
    )


def _sized(
    symbol: str,
    now: Mapping[str, Close],
    half_kelly: float,
    committed: Commitments,
    correlations: Correlations,
    model: ModelInfo,
    settings: Settings,
) -> object:
    close, sizing, risk = now[symbol], settings.sizing, settings.risk
    context, instrument = close.context, an_instrument(symbol)
    nets = {name: each.net for name, each in committed.by_symbol.items()}
    vols = {
        name: Vols(of.context.annual_vol, max(of.context.annual_vol, model.shocked_vol[name]))
        for name, of in now.items()
    }
    view = SizingView(
        equity=committed.equity,
        exposure_quote=committed.notional,
        rooms=rooms(
            instrument,
            close.stop_frac,
            committed,
            correlations,
            leverage=1.0,
            risk=risk,
            sizing=sizing,
            annual_vol=context.annual_vol,
        ),
        positions=positions_with(symbol, committed),
        price=context.close,
        stop_frac=close.stop_frac,
        atr_frac=context.atr_14 / context.close,
        expected=sizing.expected_positions or min(sizing.max_positions, len(now)),
        correlation=mean_correlation(symbol, 1, nets, correlations, sizing.unknown_correlation),
        beside=beside(
            symbol,
            1,
            committed,
            vols,
            correlations,
            sizing.unknown_correlation,
            most_gross=sizing.exposure_limit_frac,
            risk=risk,
        ),
        regime=close.regime,
    )
    wish = Enter(side=Side.BUY, size_multiplier=settings.strategy.regimes[close.regime].size_multiplier)
    forecast = Forecast(
        symbol, 0, LENGTH_MS, 0.01, _likely(half_kelly, model, close.regime, sizing), 0.9, "recorded", "", context
    )
    return size_position(wish, forecast, model, view, instrument, sizing)


def _likely(half_kelly: float, model: ModelInfo, regime: Regime, sizing: SizingSettings) -> float:
    """The forecast's win probability at which half of Kelly is that."""
    odds = odds_of(model, regime, Own(), sizing.evidence_trades)
    f = half_kelly / sizing.kelly_fraction
    p = (f * odds.win_frac + odds.loss_frac) / (odds.win_frac + odds.loss_frac)
    return (p - sizing.probability_shrink * model.base_rate) / (1 - sizing.probability_shrink)


def an_instrument(symbol: str) -> Instrument:
    """With steps so small that they round nothing."""
    fine = Decimal("0.00000001")
    names = (symbol, symbol.removesuffix("USDT"), "USDT", InstrumentKind.SPOT)
    return Instrument(*names, fine, fine, fine, Decimal(0), Decimal(1), 0.001, 0.001)


class Measured(NamedTuple):
    """What the entries say together."""

    entries: int
    bound: float  # share of them that the cap on value cut
    ranks: float  # rank correlation of the risk of the whole position with half of Kelly
    multiple: float  # median effective multiple of Kelly
    risk_frac: float  # median of equity at risk


def measured(made: Sequence[Entry]) -> Measured:
    """Of at least two entries."""
    risks = [entry.factors.whole_frac for entry in made]
    bound = [Code.CAP_POSITION_NOTIONAL in entry.factors.caps for entry in made]
    multiples = [entry.factors.kelly_multiple or 0.0 for entry in made]
    return Measured(
        len(made),
        float(np.mean(bound)),
        rank_correlation(risks, [entry.half_kelly for entry in made]),
        float(np.median(multiples)),
        float(np.median(risks)),
    )


def recorded(folder: Path, closes: int = 0) -> tuple[dict[str, CandleArrays], dict[str, dict[int, Close]]]:
    """(candles, what is known at each close) of the pairs of `folder`, the last `closes` past the warm-up (0: all)."""
    candles = {path.stem.removesuffix("-5m"): candles_of(path) for path in sorted(folder.glob("*-5m.parquet"))}
    if closes:
        candles = {name: _newest(of, closes + WARM_UP) for name, of in candles.items()}
    return candles, {name: closes_of(of, Settings()) for name, of in candles.items()}


def _newest(candles: CandleArrays, count: int) -> CandleArrays:
    values = (candles.open, candles.high, candles.low, candles.close, candles.volume)
    return CandleArrays(candles.open_ms[-count:], *(column[-count:] for column in values))


def main(folder: Path, closes: int) -> None:
    """Print the table."""
    candles, known = recorded(folder, closes)
    lines = [f"{len(candles)} pairs, {sum(map(len, known.values())):,} closes", " | ".join(_HEAD)]
    for is_alone in (True, False):
        for bet in (0.01, 0.02, 0.05, 0.10, None):
            found = measured(list(entries(candles, known, Settings(), bet, is_alone=is_alone)))
            cells = ("alone" if is_alone else "in a portfolio", "drawn" if bet is None else f"{bet:.0%}")
            numbers = (f"{found.entries:,}", f"{found.bound:.1%}", f"{found.ranks:.3f}" if bet is None else "")
            lines.append(" | ".join((*cells, *numbers, f"{found.multiple:.3f}", f"{found.risk_frac:.2%}")))
    sys.stdout.write("\n".join(lines) + "\n")


_HEAD = (
    "",
    "half of Kelly",
    "entries",
    "cap on value binds",
    "rank correlation",
    "multiple of Kelly",
    "equity at risk",
)

if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
