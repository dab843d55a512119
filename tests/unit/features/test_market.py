"""All symbols together: ranks across them, and the live driver equal to the batch."""

import numpy as np
import pandas as pd
import pytest

from tests.unit.features.candles import Array, Candles, random_candles, recorded_candles
from trader.domain.candle_arrays import CandleArrays
from trader.domain.market import Candle, timeframe_ms
from trader.features import COLUMNS, WARM_UP, MarketStream, column_names, compute_features, compute_market
from trader.features.groups.cross_section import cross_section

GROUPS = ("leader", "peers")
NAMES = column_names(groups=GROUPS)


def market(count: int) -> dict[str, CandleArrays]:
    return {
        symbol: CandleArrays(*random_candles(count, seed=i)) for i, symbol in enumerate(("BTC", "ETH", "SOL", "XRP"))
    }


def streamed(candles: dict[str, CandleArrays], timeframe: str) -> dict[str, list[Array]]:
    stream = MarketStream(timeframe, list(candles), GROUPS)
    length = timeframe_ms(timeframe)
    rows: dict[str, list[Array]] = {symbol: [] for symbol in candles}
    series = {
        symbol: {t: (o, h, w, c, v) for t, o, h, w, c, v in zip(*(x.tolist() for x in arrays), strict=True)}
        for symbol, arrays in candles.items()
    }
    for opened in sorted(set().union(*series.values())):
        closed = {
            symbol: Candle(symbol, opened, opened + length, *known[opened])
            for symbol, known in series.items()
            if opened in known
        }
        for symbol, row in stream.update(closed).items():
            rows[symbol].append(row)
    return rows


def test_the_live_driver_equals_the_batch() -> None:
    candles = market(2_300)
    candles["XRP"] = candles["XRP"].take(slice(200, None))  # listed later: past its warm-up only at the end
    keep = np.r_[0:2_100, 2_103:2_300]
    candles["SOL"] = candles["SOL"].take(keep)
    batch = compute_market(candles, "1m", GROUPS)
    for symbol, rows in streamed(candles, "1m").items():
        assert np.array_equal(np.array(rows), batch[symbol][WARM_UP:], equal_nan=True), symbol
        assert len(rows) == len(candles[symbol].close) - WARM_UP


@pytest.mark.recorded
def test_the_live_driver_equals_the_batch_on_recorded_candles() -> None:
    candles = {
        symbol: CandleArrays(*recorded_candles(f"binance/{symbol}USDT-5m", 2_400))
        for symbol in ("BTC", "ETH", "SOL", "DOGE")
    }
    batch = compute_market(candles, "5m", GROUPS)
    for symbol, rows in streamed(candles, "5m").items():
        assert np.array_equal(np.array(rows), batch[symbol][WARM_UP:]), symbol


def test_ranks_equal_their_formulas() -> None:
    candles = market(2_100)
    rows = compute_market(candles, "1m", GROUPS)
    for at in (2_000, 2_050, 2_099):
        table = pd.DataFrame([row[at] for row in rows.values()], columns=list(NAMES))
        for name, of in (
            ("return_rank_15", "return_15"),
            ("return_rank_60", "return_60"),
            ("volume_rank", "volume_ratio"),
            ("volatility_rank", "hist_vol_60"),
        ):
            ranks = (table[of].rank() - 1) / 3
            assert table[name].tolist() == pytest.approx(ranks.tolist())
        assert table["market_return_15"].tolist() == pytest.approx([table["return_15"].mean()] * 4)
        assert table["market_breadth_15"].tolist() == pytest.approx([(table["return_15"] > 0).mean()] * 4)
        assert table["dispersion_15"].tolist() == pytest.approx([table["return_15"].std()] * 4)


def test_ties_share_their_rank_and_the_absent_do_not_count() -> None:
    values = np.array([[[1.0] * 4, [1.0] * 4, [2.0] * 4, [np.nan] * 4]])
    ranks = cross_section(values)[0]
    assert ranks[:3, 0].tolist() == [0.25, 0.25, 1.0]
    assert np.isnan(ranks[3]).all()
    assert np.isnan(cross_section(values[:, :2])).all()  # two symbols are no cross-section


def test_a_frame_with_peers_and_leader_has_their_columns() -> None:
    frames = {
        symbol: pd.DataFrame(
            {name: getattr(c, name) for name in ("open", "high", "low", "close", "volume")}, index=pd.Index(c.open_ms)
        )
        for symbol, c in market(2_050).items()
    }
    own = frames.pop("ETH")
    features = compute_features(own, "1m", leader=frames["BTC"], peers=frames)
    assert tuple(features.columns) == NAMES
    assert np.array_equal(features.to_numpy()[WARM_UP:], compute_market(market(2_050), "1m", GROUPS)["ETH"][WARM_UP:])
    assert tuple(compute_features(own, "1m").columns) == COLUMNS


def test_candles_of_different_closes_are_refused() -> None:
    stream = MarketStream("1m", ["BTC", "ETH"])
    flat = (1.0, 1.0, 1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="must open together"):
        stream.update({"BTC": Candle("BTC", 0, 60_000, *flat), "ETH": Candle("ETH", 60_000, 120_000, *flat)})


def test_candles_of_other_symbols_are_refused() -> None:
    stream = MarketStream("1m", ["BTC", "ETH"])
    with pytest.raises(ValueError, match="candles of DOGE do not belong here"):
        stream.update({"DOGE": Candle("DOGE", 0, 60_000, 1.0, 1.0, 1.0, 1.0, 1.0)})


def test_the_order_in_which_candles_arrive_changes_no_bit() -> None:
    candles = market(2_010)
    one, other = (MarketStream("1m", list(candles), GROUPS) for _ in range(2))
    closes = [
        {symbol: Candle(symbol, t, t + 60_000, *values) for symbol, (t, *values) in zip(candles, row, strict=True)}
        for row in zip(
            *(zip(*(column.tolist() for column in arrays), strict=True) for arrays in candles.values()), strict=True
        )
    ]
    for close in closes:
        rows = one.update(close)
        turned = other.update(dict(reversed(close.items())))
    assert all(np.array_equal(rows[symbol], turned[symbol]) for symbol in candles)


def test_ranks_do_not_see_the_future() -> None:
    candles = market(2_200)
    before = compute_market(candles, "1m", GROUPS)
    changed = {
        symbol: CandleArrays(*(np.concatenate((a[:2_100], b[2_100:])) for a, b in zip(arrays, other, strict=True)))
        for (symbol, arrays), other in zip(candles.items(), market_of(9), strict=True)
    }
    after = compute_market(changed, "1m", GROUPS)
    for symbol in candles:
        assert np.array_equal(before[symbol][WARM_UP:2_100], after[symbol][WARM_UP:2_100])


def market_of(seed: int) -> list[Candles]:
    return [random_candles(2_200, seed=seed + i, volatility=0.02) for i in range(4)]
