"""The choice of algorithm, and ids that cannot collide."""

import math
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.builders import NOW_MS, a_book, an_instrument
from tests.unit.execution.driver import Run
from trader.config.execution import ExecutionSettings
from trader.domain.market import Book
from trader.domain.orders import AlgorithmName, OrderStatus, Purpose, Side, Urgency
from trader.execution.client_ids import client_id_for, parent_id_for
from trader.execution.planner import choose_algorithm, dearest_price, split_above_frac

# 10 base per level, 0.1 apart from 100: 20 base average 100.05 (5 bp), 60 base 100.25 (25 bp), 150: 100.7 (70 bp)
BOOK = a_book(bid=99.9, ask=100.0, tick=0.1, size=10.0)


@pytest.mark.parametrize(("quantity", "chosen"), [("20", "market"), ("60", "limit"), ("150", "twap"), ("1000", "twap")])
def test_by_impact(quantity: str, chosen: str) -> None:
    assert choose_algorithm(BOOK, Side.BUY, Decimal(quantity), ExecutionSettings()).algorithm == chosen


def test_a_book_too_thin_is_split() -> None:
    assert choose_algorithm(BOOK, Side.SELL, Decimal(201), ExecutionSettings()) == ("twap", math.inf)


@pytest.mark.parametrize(("urgency", "chosen"), [("low", "twap"), ("medium", "limit"), ("high", "limit")])
def test_urgency_moves_the_thresholds(urgency: str, chosen: str) -> None:
    settings = ExecutionSettings.model_validate({"urgency": urgency})
    assert choose_algorithm(BOOK, Side.BUY, Decimal(90), settings).algorithm == chosen


def test_an_order_may_be_more_or_less_urgent_than_the_settings_say() -> None:
    """90 base move the price by 40 bp: TWAP from 25 bp (low), 50 bp (medium) or 100 bp (high) on."""
    settings = ExecutionSettings(urgency=Urgency.HIGH)
    assert choose_algorithm(BOOK, Side.BUY, Decimal(90), settings).algorithm == "limit"
    assert choose_algorithm(BOOK, Side.BUY, Decimal(90), settings, urgency=Urgency.LOW).algorithm == "twap"
    calm = ExecutionSettings(urgency=Urgency.LOW)
    assert choose_algorithm(BOOK, Side.BUY, Decimal(60), calm, urgency=Urgency.HIGH).algorithm == "limit"
    assert choose_algorithm(BOOK, Side.BUY, Decimal(30), calm, urgency=Urgency.HIGH).algorithm == "market"


@pytest.mark.parametrize(("urgency", "frac"), [("low", 0.0025), ("medium", 0.005), ("high", 0.01)])
def test_what_is_less_urgent_is_split_sooner(urgency: str, frac: float) -> None:
    assert split_above_frac(ExecutionSettings.model_validate({"urgency": urgency})) == pytest.approx(frac)
    assert split_above_frac(ExecutionSettings(), Urgency(urgency)) == pytest.approx(frac)


DEAREST = {
    # bid 99.9, ask 100.0, offset 5 bp, reach 30 bp, tick 0.01
    ("market", Side.BUY): "100.29",  # 100 x 1.003 is a hair below 100.3 in binary, and rounded down
    ("market", Side.SELL): "99.9",  # at best the bid
    ("limit", Side.BUY): "99.95",  # 100 x 0.9995; the bid is below it, so it stays there
    ("limit", Side.SELL): "99.95",  # 99.9 x 1.0005 = 99.94995, up to the tick
    ("twap", Side.BUY): "100",
    ("twap", Side.SELL): "99.9",
    ("auto", Side.BUY): "100.29",
    ("auto", Side.SELL): "99.95",
}


@pytest.mark.parametrize(("algorithm", "side"), DEAREST)
def test_the_dearest_price_an_entry_may_be_sent_at(algorithm: str, side: Side) -> None:
    settings = ExecutionSettings.model_validate({"algorithm": algorithm})
    assert dearest_price(an_instrument(), BOOK, side, settings) == Decimal(DEAREST[algorithm, side])


def test_a_buying_limit_ends_at_the_bid() -> None:
    wide = a_book(bid=99.99, ask=100.0)  # 100 x 0.9995 = 99.95, raised to 99.99
    assert dearest_price(an_instrument(), wide, Side.BUY, ExecutionSettings(algorithm=AlgorithmName.LIMIT)) == Decimal(
        "99.99"
    )


@pytest.mark.parametrize("algorithm", AlgorithmName)
@given(side=st.sampled_from(Side), spread=st.integers(1, 400), bid=st.integers(1_000, 100_000))
def test_no_order_is_sent_above_the_dearest_price(algorithm: str, side: Side, spread: int, bid: int) -> None:
    book = a_book(bid=bid / 100, ask=(bid + spread) / 100)
    settings = ExecutionSettings(algorithm=AlgorithmName(algorithm))
    run = Run(algorithm, "10", side=side, book=book, settings=settings)
    for _ in range(40):
        if run.live is not None:
            run.ack() if not run.live.exchange_id else run.end(OrderStatus.CANCELED)
        run.advance(10)
    dearest = dearest_price(run.instrument, book, side, settings)
    # a sale by market or TWAP is sent below the bid, so that it is filled there
    assert max(intent.price for intent in run.placed if intent.price is not None) <= dearest


def test_a_fixed_algorithm_overrides_but_exits_take_the_market() -> None:
    settings = ExecutionSettings(algorithm="twap")
    assert choose_algorithm(BOOK, Side.BUY, Decimal(1), settings).algorithm == "twap"
    assert choose_algorithm(BOOK, Side.SELL, Decimal(150), settings, Purpose.EXIT).algorithm == "market"


def test_the_market_order_it_replaced_is_priced_at_arrival() -> None:
    run = Run("twap", "20", book=BOOK)
    assert run.state.market_order_bps == pytest.approx((100.05 / 99.95 - 1) * 1e4)
    assert run.state.arrival_mid == pytest.approx(99.95)


def test_no_parent_without_quantity() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Run("market", "0")


def test_ids_are_stable_across_processes() -> None:
    assert client_id_for("ledger-1", "d-1", Purpose.ENTRY, 0) == "t-0b2e35ac7370cf8e3083f47fcc503c5f"


PARTS = st.tuples(st.text(max_size=20), st.text(max_size=20), st.sampled_from(Purpose), st.integers(0, 1000))


@given(PARTS, PARTS)
def test_ids_differ_when_anything_differs(
    one: tuple[str, str, Purpose, int], other: tuple[str, str, Purpose, int]
) -> None:
    assert (client_id_for(*one) == client_id_for(*other)) == (one == other)
    assert re.fullmatch(r"t-[0-9a-f]{32}", client_id_for(*one))
    assert parent_id_for(*one[:3]) not in (client_id_for(*one), client_id_for(*other))


@pytest.mark.parametrize(
    ("second", "chosen"),
    [(1001.99, "market"), (1002.0, "limit"), (1010.0, "limit"), (1010.01, "twap")],
)
def test_exactly_at_a_threshold_it_is_a_limit_order(second: float, chosen: str) -> None:
    """One at 1,000 and one at `second`: 0.1 % and 0.5 % of impact for two."""
    book = Book("BTC/USDT", NOW_MS, ((999.0, 1.0),), ((1000.0, 1.0), (second, 1.0)))
    assert choose_algorithm(book, Side.BUY, Decimal(2), ExecutionSettings()).algorithm == chosen


def test_arrival_is_the_book_of_the_start_or_nothing() -> None:
    state = Run("market", "1", book=BOOK).state
    assert (state.arrival_bid, state.arrival_ask, state.started_ms) == (99.9, 100.0, NOW_MS)
    blind = Run("market", "1", has_book=False).state
    assert (blind.arrival_bid, blind.arrival_ask, blind.market_order_bps) == (0.0, 0.0, math.inf)


@pytest.mark.parametrize(("side", "average"), [(Side.BUY, 100.05), (Side.SELL, 99.85)])
def test_the_market_order_is_priced_on_its_side_of_the_book(side: Side, average: float) -> None:
    state = Run("twap", "20", side=side, book=BOOK).state
    assert state.market_order_bps == pytest.approx(abs(average / 99.95 - 1) * 1e4)
    assert Run("twap", "201", side=side, book=BOOK).state.market_order_bps == math.inf


def test_a_parent_is_named_and_is_for_what_was_said() -> None:
    state = Run("limit", "2.5", side=Side.SELL, purpose=Purpose.EXIT).state
    assert (state.parent_id, state.decision_id, state.symbol) == ("p-1", "d-1", "BTC/USDT")
    assert (state.side, state.purpose, state.quantity) == (Side.SELL, Purpose.EXIT, Decimal("2.5"))
    assert Run("market", "0.5").state.quantity == Decimal("0.5")
    with pytest.raises(ValueError, match=r"^quantity -1 must be above 0$"):
        Run("market", "-1")
