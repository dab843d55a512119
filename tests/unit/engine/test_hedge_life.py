"""A hedge from beta above the bound to beta below it, through the replay driver and the simulated exchange."""

import math
from decimal import Decimal

from tests.kit.builders import a_model
from tests.kit.harness import Harness
from tests.kit.situations import MINUTE_MS, coins
from trader.config import Settings
from trader.domain.closing import CloseReason
from trader.domain.decisions import Notify, RecordTrade, SubmitOrder
from trader.domain.events import CandleClosed, Ticked
from trader.domain.market import Candle
from trader.domain.orders import Purpose, Side

BTC, ETH, SOL = "BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT"
BETAS = {BTC: 1.0, ETH: 3.0, SOL: 3.0}


def a_harness() -> Harness:
    settings = Settings.model_validate(
        {
            "exchange": {"market": "perpetual", "symbols": list(BETAS)},
            "sizing": {"rule": "fixed", "fixed_frac": 0.1, "tranches": 1},
            "risk": {"correlated_exposure_frac": 1.0, "hedge_beta_below": 0.9},
        }
    )
    listed = {instrument.symbol: instrument for instrument in coins("BTC", "ETH", "SOL", perpetual=True)}
    harness = Harness(settings, listed, model=a_model(horizon_candles=10_000))
    harness.start()
    return harness


def move(harness: Harness, candles: int = 35) -> None:
    """Closes whose returns are the betas times the leader's; the leader's candle comes first, as it does live."""
    logs = dict.fromkeys(BETAS, math.log(100.0))
    for at in range(candles):
        harness.advance(MINUTE_MS)
        for symbol, beta in BETAS.items():
            logs[symbol] += beta * 0.0005 * (1 + at % 3) * (-1) ** at
            close = math.exp(logs[symbol])
            open_ms, now_ms = harness.now_ms - MINUTE_MS, harness.now_ms
            harness.put(CandleClosed(candle=Candle(symbol, open_ms, now_ms, close, close, close, close, 1.0)))
        harness.put(Ticked())


def held(harness: Harness) -> dict[str, Decimal]:
    return {each.symbol: each.quantity for each in harness.positions()}


def test_it_is_opened_remembered_and_closed() -> None:
    harness = a_harness()
    move(harness)
    for symbol in (ETH, SOL):
        harness.forecast(0.02, symbol)
        harness.put(Ticked())
    opened = held(harness)
    assert opened[BTC] == Decimal("-19.986")
    [stop] = harness.stops(BTC)
    assert stop == (Decimal("19.986"), Decimal("124.98"))  # a quarter above 99.99

    harness.restart()
    move(harness)
    assert held(harness) == opened
    assert harness.stops(BTC) == [stop]
    told = {notice.event for notice in harness.decided(Notify)}
    assert not told & {"position.unplanned", "position.adopted", "account.position"}

    harness.advance(MINUTE_MS)
    harness.forecast(-0.02, SOL)  # its long is left: 0.75 remains
    harness.put(Ticked())
    assert held(harness) == {ETH: opened[ETH]}
    assert harness.stops(BTC) == []
    hedges = [each.approved.intent for each in harness.decided(SubmitOrder) if each.approved.intent.symbol == BTC]
    assert [(each.purpose, each.side) for each in hedges] == [
        (Purpose.HEDGE, Side.SELL), (Purpose.STOP, Side.BUY), (Purpose.EXIT, Side.BUY)
    ]  # fmt: skip
    reasons = {each.trade.symbol: each.trade.reason for each in harness.decided(RecordTrade)}
    assert reasons == {SOL: CloseReason.SIGNAL_TURNED, BTC: CloseReason.HEDGE}
    harness.assert_ledger_equals_exchange()
    harness.assert_no_double_orders()
