"""The domain's own rules: the order status table, exact rounding, timeframes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.domain.errors import Misconfigured
from trader.domain.instrument import Instrument, InstrumentKind, Rounding, exact, round_to
from trader.domain.market import timeframe_ms
from trader.domain.orders import OrderStatus, may_follow

BTC = Instrument(
    symbol="BTC/USDT",
    base="BTC",
    quote="USDT",
    kind=InstrumentKind.SPOT,
    price_tick=Decimal("0.01"),
    quantity_step=Decimal("0.00001"),
    min_quantity=Decimal("0.00001"),
    max_quantity=Decimal(9000),
    min_notional=Decimal(5),
    maker_fee_frac=0.001,
    taker_fee_frac=0.001,
)


def test_ended_orders_stay_ended() -> None:
    ended = [s for s in OrderStatus if s.is_terminal]
    assert set(ended) == {"filled", "canceled", "expired", "rejected", "not_placed"}
    for status in ended:
        assert [new for new in OrderStatus if may_follow(status, new)] == [status]


def test_unknown_is_not_rejected_and_open_cannot_become_absent() -> None:
    assert may_follow(OrderStatus.UNKNOWN, OrderStatus.OPEN)
    assert not may_follow(OrderStatus.OPEN, OrderStatus.NOT_PLACED)
    assert not may_follow(OrderStatus.OPEN, OrderStatus.UNKNOWN)


@given(st.floats(0, 1e6, allow_nan=False), st.sampled_from(["0.01", "0.00001", "1", "0.5", "10"]))
def test_rounding_lands_on_the_grid_on_the_asked_side(value: float, step: str) -> None:
    grid = Decimal(step)
    down, up = round_to(value, grid, Rounding.DOWN), round_to(value, grid, Rounding.UP)
    assert down % grid == 0
    assert up % grid == 0
    assert down <= exact(value) <= up
    assert up - down <= grid


def test_refusals_name_what_was_given_and_what_is_allowed() -> None:
    price = Decimal("50000.00")
    assert BTC.refusal(Decimal("0.001"), price) is None
    assert str(BTC.refusal(Decimal("0.00009"), price)) == "notional 4.50 below minimum 5 USDT"
    assert str(BTC.refusal(Decimal("0.000015"), price)) == "quantity 0.000015 not on step 0.00001"
    assert str(BTC.refusal(Decimal(0), price)) == "quantity 0 below minimum 0.00001 BTC"
    assert str(BTC.refusal(Decimal("0.001"), Decimal("1.001"))) == "price 1.001 not on tick 0.01"


@pytest.mark.parametrize(("text", "ms"), [("1m", 60_000), ("15m", 900_000), ("1h", 3_600_000), ("1d", 86_400_000)])
def test_timeframes(text: str, ms: int) -> None:
    assert timeframe_ms(text) == ms


@pytest.mark.parametrize("text", ["", "m", "0m", "1x", "-1m", "1.5h"])
def test_bad_timeframe_says_what_is_allowed(text: str) -> None:
    with pytest.raises(Misconfigured, match="s, m, h or d"):
        timeframe_ms(text)
