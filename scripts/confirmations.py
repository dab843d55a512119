"""How often each confirmation is true at recorded closes, as the page docs/confirmations.md.

python scripts/confirmations.py DIR [SYMBOL ...] > docs/confirmations.md: 5m candles of DIR as <SYMBOL>-5m.parquet, made
15m; without symbols all of them.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from trader.config.strategy import Confirmation, StrategySettings
from trader.domain.candle_arrays import CandleArrays
from trader.domain.orders import Side
from trader.domain.signals import CONTEXT_COLUMNS, MarketContext, Regime
from trader.features.batch import compute_matrix
from trader.features.catalogue import COLUMNS
from trader.strategy.confirmations import CONFIRMATIONS, confirmed, lacking
from trader.strategy.regime import classify

TIMEFRAME, PARTS = "15m", 3
OFTEN, SELDOM = 0.9, 0.005  # what is true more often says nothing, what is true less often is no way in

SIDES = {Side.BUY: "long", Side.SELL: "short"}


def candles_of(path: Path) -> CandleArrays:
    """15m candles from 5m ones; the files have no hole."""
    table = pq.read_table(path)
    count = table.num_rows // PARTS * PARTS
    ms = table["timestamp"].cast("timestamp[ms]").cast("int64").to_numpy()[:count].reshape(-1, PARTS)
    opened, high, low, close, volume = (
        table[name].to_numpy().astype(np.float64)[:count].reshape(-1, PARTS)
        for name in ("open", "high", "low", "close", "volume")
    )
    values = (opened[:, 0], high.max(axis=1), low.min(axis=1), close[:, -1], volume.sum(axis=1))
    return CandleArrays(ms[:, 0].copy(), *(np.ascontiguousarray(column) for column in values))


def contexts(candles: CandleArrays) -> Iterator[MarketContext]:
    """What the strategy reads at every close past the warm-up."""
    matrix = compute_matrix(*candles, TIMEFRAME)[:, [COLUMNS.index(name) for name in CONTEXT_COLUMNS]]
    for values in matrix[np.isfinite(matrix).all(axis=1)].tolist():
        yield MarketContext(*values)


def counted(paths: Sequence[Path]) -> tuple[Counter[Regime], Counter[tuple[Regime, Side, str]]]:
    """(closes by regime, how many of them each confirmation holds at); "all" is what the regime's rule asks for."""
    settings, closes, held = StrategySettings(), Counter[Regime](), Counter[tuple[Regime, Side, str]]()
    for path in paths:
        regime: Regime | None = None
        for context in contexts(candles_of(path)):
            regime = classify(context, regime, settings)
            closes[regime] += 1
            rule = settings.regimes[regime]
            for side in Side:
                for name, (_, holds) in CONFIRMATIONS.items():
                    held[regime, side, name] += holds(side, context, settings)
                held[regime, side, "all"] += not lacking(rule, confirmed(rule, side, context, settings))
    return closes, held


def page(folder: Path, symbols: Sequence[str]) -> str:
    """The page as text."""
    found = sorted(folder.glob("*-5m.parquet"))
    paths = [path for path in found if not symbols or path.stem.removesuffix("-5m") in symbols]
    closes, held = counted(paths)
    first, last = (str(np.datetime64(int(ms), "ms"))[:10] for ms in candles_of(paths[0]).open_ms[[0, -1]])
    regimes = list(StrategySettings().regimes)
    rows = [("confirmation", "side", *(f"`{regime.value}`" for regime in regimes)), ("---",) * (2 + len(regimes))]
    for name in Confirmation:
        rows += [
            (f"`{name.value}`", SIDES[side], *(_cell(name, side, regime, closes, held) for regime in regimes))
            for side in Side
        ]
    for side in Side:
        shares = (f"{held[regime, side, 'all'] / closes[regime]:.2%}" for regime in regimes)
        rows.append(("what the regime asks for", SIDES[side], *shares))
    rows.append(("closes", "", *(f"{closes[regime]:,}" for regime in regimes)))
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    head = _HEAD.format(pairs=len(paths), closes=f"{sum(closes.values()):,}", first=first, last=last)
    return f"{head}\n{table}\n{_notes(closes, held)}\n"


def _cell(
    name: Confirmation,
    side: Side,
    regime: Regime,
    closes: Counter[Regime],
    held: Counter[tuple[Regime, Side, str]],
) -> str:
    share = f"{held[regime, side, name] / closes[regime]:.2%}"
    return f"**{share}**" if name in StrategySettings().regimes[regime].confirmations else share


def _notes(closes: Counter[Regime], held: Counter[tuple[Regime, Side, str]]) -> str:
    """Those of a regime's own list, on the side it trades, that nearly always or hardly ever hold."""
    lines = []
    for regime, rule in StrategySettings().regimes.items():
        traded = {"long": (Side.BUY,), "short": (Side.SELL,)}.get(rule.bias, tuple(Side))
        for name in rule.confirmations:
            for side in traded:
                share = held[regime, side, name] / closes[regime]
                if not SELDOM <= share <= OFTEN and (name, side) not in _OTHER_SIDE:
                    lines.append(
                        f"- `{name.value}` is true at {share:.2%} of the {SIDES[side]} closes of `{regime.value}`."
                    )
    if not lines:
        return "\nNone of a regime's own is true at more than 90 % or less than 0.5 % of its closes."
    return "\nMore than 90 % or less than 0.5 % of the closes of its own regime:\n\n" + "\n".join(lines) + _WHY


_OTHER_SIDE = {(Confirmation.RSI_DIP, Side.SELL), (Confirmation.RSI_PEAK, Side.BUY)}

_HEAD = """# How often confirmations confirm

Made by `scripts/confirmations.py` from recorded candles: {pairs} pairs of Binance spot, 5m made 15m, {first} to
{last}, {closes} closes past the warm-up, default settings. Share of a regime's closes at which a confirmation is
true for a long and for a short; bold: those that the regime lists. What each looks at is in
[strategies.md](strategies.md#confirmations).
"""

_WHY = """

They say so by what the regime is: where the price stands 2 % above its mean with a strong trend, an RSI below 40 has
passed long before (and the reverse), so the trends are entered on a cross. They stay listed because a narrower
`trend_band_frac` lets them speak. Before, `ma_crossover` was the state EMA 9 > EMA 21, true at 99.6 % of bull closes: a
confirmation that never said no."""

if __name__ == "__main__":
    sys.stdout.write(page(Path(sys.argv[1]), sys.argv[2:]))
