"""What the ensemble proposes of one symbol at one close: situation -> proposal."""

from decimal import Decimal

import pytest

from tests.kit.builders import NOW_MS, SYMBOL, a_book, a_context, a_forecast, a_model
from trader.config.strategy import StrategySettings
from trader.domain.orders import Side
from trader.domain.reasons import Code
from trader.domain.signals import Regime
from trader.strategy import Ensemble, Enter, Holding, Keep, Leave, Pass, Proposal, View

MINUTE_MS = 60_000
STRATEGY = Ensemble(StrategySettings())
DIP = {"rsi_14": 29.0, "bb_position": 0.02}
LATER_MS = NOW_MS + 60 * MINUTE_MS


def proposed(
    prediction: float = 0.01,
    *,
    held: Side | None = None,
    until_ms: int = LATER_MS,
    regime: Regime = Regime.RANGE_BOUND,
) -> Proposal:
    """In a range, at costs of 30 bp, with the model's horizon of 16 candles."""
    forecast = a_forecast(prediction=prediction, context=a_context(**DIP), candle_open_ms=NOW_MS - MINUTE_MS)
    return STRATEGY.propose(
        View(
            symbol=SYMBOL,
            now_ms=NOW_MS,
            candle_open_ms=forecast.candle_open_ms,
            candle_close_ms=forecast.candle_close_ms,
            context=forecast.context,
            regime=regime,
            book=a_book(),
            cost_frac=0.003,
            can_short=True,
            holding=None if held is None else Holding(held, Decimal(1), 100.0, until_ms=until_ms),
            forecast=forecast,
            model=a_model(),
        )
    )


def test_a_confirmed_edge_enters_for_a_horizon_with_the_stop_and_target_of_its_regime() -> None:
    proposal = proposed()
    assert isinstance(proposal, Enter)
    assert (proposal.side, proposal.edge_frac, proposal.until_ms) == (Side.BUY, 0.01, NOW_MS + 16 * MINUTE_MS)
    assert (proposal.stop_frac, proposal.target_frac, proposal.size_multiplier) == (0.01, 0.015, 1.0)
    assert [reason.code for reason in proposal.reasons] == [Code.BOLLINGER_EXTREME, Code.RSI_EXTREME]


def test_a_bull_trend_enters_larger_with_a_stop_and_target_of_its_own() -> None:
    proposal = proposed(regime=Regime.BULL_TREND)
    assert isinstance(proposal, Enter)
    assert (proposal.stop_frac, proposal.target_frac, proposal.size_multiplier) == (0.01, 0.03, 1.2)


def test_what_is_no_signal_is_passed_with_the_edge_it_has() -> None:
    proposal = proposed(0.002)
    assert isinstance(proposal, Pass)
    assert (proposal.edge_frac, [reason.code for reason in proposal.reasons]) == (0.002, [Code.EDGE_BELOW_BAR])


@pytest.mark.parametrize(
    ("prediction", "held", "until_ms", "kind", "codes"),
    [
        (0.01, Side.BUY, LATER_MS, Keep, [Code.EDGE_HOLDS]),
        (0.01, Side.BUY, NOW_MS, Keep, [Code.EDGE_HOLDS, Code.EXTENDED]),
        (0.01, Side.BUY, NOW_MS + 1, Keep, [Code.EDGE_HOLDS]),  # there is another close before its end
        # too little to enter, not to hold
        (0.001, Side.BUY, NOW_MS, Keep, [Code.EDGE_HOLDS, Code.EXTENDED]),
        (0.0, Side.BUY, NOW_MS, Keep, [Code.EDGE_GONE]),
        (-0.0029, Side.BUY, LATER_MS, Keep, [Code.EDGE_GONE]),  # turned, but not enough to pay for itself
        (-0.003, Side.BUY, LATER_MS, Leave, [Code.SIGNAL_TURNED]),
        (0.003, Side.SELL, LATER_MS, Leave, [Code.SIGNAL_TURNED]),
        (-0.01, Side.SELL, LATER_MS, Keep, [Code.EDGE_HOLDS]),
    ],
)
def test_a_position_is_held_while_the_edge_holds_and_left_when_it_turns(
    prediction: float, held: Side, until_ms: int, kind: type, codes: list[Code]
) -> None:
    proposal = proposed(prediction, held=held, until_ms=until_ms)
    assert (type(proposal), [reason.code for reason in proposal.reasons]) == (kind, codes)
    assert proposal.edge_frac == pytest.approx(abs(prediction))
    if Code.EXTENDED in codes:
        assert isinstance(proposal, Keep)
        assert proposal.until_ms == NOW_MS + 16 * MINUTE_MS
