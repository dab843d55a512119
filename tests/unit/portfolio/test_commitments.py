"""What the account is committed to."""

from decimal import Decimal

import msgspec
import pytest

from tests.kit.builders import NOW_MS, a_book, a_perpetual, an_instrument, an_intent
from trader.config.execution import ExecutionSettings
from trader.domain.account import Position
from trader.domain.commitments import Commitment, Room
from trader.domain.orders import AlgorithmName, Order, OrderIntent, OrderStatus, Purpose, Side
from trader.domain.reasons import Code
from trader.execution.algorithms.inputs import AlgorithmView
from trader.execution.algorithms.registry import AlgorithmState
from trader.execution.planner import start
from trader.portfolio.commitments import Books, commitments
from trader.portfolio.holdings import Held, holdings

SPOT, PERPETUAL = an_instrument(), a_perpetual()
INSTRUMENTS = {SPOT.symbol: SPOT, PERPETUAL.symbol: PERPETUAL}
NOTHING = Books((), {}, (), INSTRUMENTS, {}, {}, {})


def a_position(quantity: str, entry: str = "100", symbol: str = SPOT.symbol) -> Position:
    return Position(symbol, Decimal(quantity), Decimal(entry), NOW_MS)


def held(*positions: Position) -> tuple[Held, ...]:
    return holdings({}, {position.symbol: position for position in positions}, INSTRUMENTS, "USDT").positions


def an_entry(quantity: str = "2", side: Side = Side.BUY, purpose: Purpose = Purpose.ENTRY) -> AlgorithmState:
    instrument = SPOT if side is Side.BUY else PERPETUAL
    view = AlgorithmView(NOW_MS, a_book(instrument.symbol), instrument, ExecutionSettings(), "ledger")
    state, _ = start(
        AlgorithmName.TWAP,
        parent_id="p-1",
        decision_id="d-1",
        side=side,
        purpose=purpose,
        quantity=Decimal(quantity),
        view=view,
    )
    return state


def an_order(intent: OrderIntent, filled: str = "0") -> Order:
    return Order(intent, OrderStatus.UNKNOWN, NOW_MS, NOW_MS, filled=Decimal(filled))


def test_nothing_held_and_nothing_under_way() -> None:
    found = commitments(NOTHING, equity=1_000.0, total=900.0)
    assert (found.equity, found.free, found.notional, found.risk) == (1_000.0, 900.0, 0.0, 0.0)
    assert found.of(SPOT.symbol) == Commitment(0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("quantity", "price", "stop", "expected"),
    [
        ("2", 110.0, 95.0, Commitment(220.0, 30.0, 220.0)),  # from the price of now, not from the entry
        ("2", 96.0, 95.0, Commitment(192.0, 2.0, 192.0)),
        ("2", 94.0, 95.0, Commitment(188.0, 0.0, 188.0)),  # beyond its stop nothing more is at risk
        ("2", 110.0, None, Commitment(220.0, 220.0, 220.0)),  # without a stop all of it is
        ("-2", 110.0, 115.0, Commitment(220.0, 10.0, -220.0)),
    ],
)
def test_what_is_held_counts_at_the_price_of_now(
    quantity: str, price: float, stop: float | None, expected: Commitment
) -> None:
    symbol = SPOT.symbol if quantity == "2" else PERPETUAL.symbol
    books = NOTHING._replace(
        positions=held(a_position(quantity, symbol=symbol)),
        prices={symbol: price},
        stops={} if stop is None else {symbol: stop},
    )
    found = commitments(books, equity=1_000.0, total=900.0)
    assert found.of(symbol) == expected
    assert (found.notional, found.risk) == (expected.notional, expected.risk)


def test_without_a_price_the_entry_price_counts() -> None:
    books = NOTHING._replace(positions=held(a_position("2", "90")))
    assert commitments(books, equity=1.0, total=0.0).of(SPOT.symbol) == Commitment(180.0, 180.0, 180.0)


def test_what_was_sold_to_nothing_counts_nothing() -> None:
    books = NOTHING._replace(positions=held(a_position("0")))
    assert commitments(books, equity=1.0, total=5.0).by_symbol == {}


def test_what_was_sold_to_nothing_hides_nothing_that_comes_after_it() -> None:
    positions = held(a_position("0"), a_position("-2", symbol=PERPETUAL.symbol))
    found = commitments(NOTHING._replace(positions=positions), equity=1.0, total=5.0)
    assert dict(found.by_symbol) == {PERPETUAL.symbol: Commitment(200.0, 200.0, -200.0)}


def test_margin_is_what_a_perpetual_ties_less_what_it_has_earned() -> None:
    """Short 2 at 100, now 90: worth 180, at leverage 3 60 of margin, 20 earned."""
    symbol = PERPETUAL.symbol
    books = NOTHING._replace(positions=held(a_position("-2", symbol=symbol)), prices={symbol: 90.0}, leverage=3.0)
    assert commitments(books, equity=1.0, total=1_000.0).free == pytest.approx(1_000 - 60 + 20)


def test_an_entry_under_way_counts_all_it_may_still_buy() -> None:
    entry = an_entry("2")
    books = NOTHING._replace(
        algorithms={"p-1": entry},
        prices={SPOT.symbol: 110.0},
        stop_fracs={SPOT.symbol: 0.05},
    )
    found = commitments(books, equity=1_000.0, total=1_000.0)
    assert found.of(SPOT.symbol) == Commitment(220.0, 220.0 * 0.05, 220.0)
    assert found.free == pytest.approx(1_000 - 220 * (1 + SPOT.taker_fee_frac))
    assert commitments(books._replace(but="p-1"), equity=1.0, total=1.0).by_symbol == {}


def test_an_entry_adds_to_what_is_held() -> None:
    books = NOTHING._replace(
        positions=held(a_position("1")),
        algorithms={"p-1": an_entry("2")},
        prices={SPOT.symbol: 100.0},
        stops={SPOT.symbol: 90.0},
        stop_fracs={SPOT.symbol: 0.05},
    )
    assert commitments(books, equity=1.0, total=1.0).of(SPOT.symbol) == Commitment(300.0, 20.0, 300.0)


def test_a_short_under_way_ties_its_margin_and_counts_against_a_long() -> None:
    books = NOTHING._replace(
        algorithms={"p-1": an_entry("2", Side.SELL)}, prices={PERPETUAL.symbol: 100.0}, leverage=4.0
    )
    found = commitments(books, equity=1.0, total=100.0)
    assert found.of(PERPETUAL.symbol) == Commitment(200.0, 200.0, -200.0)
    assert found.free == pytest.approx(100 - 200 * (0.25 + PERPETUAL.taker_fee_frac))


def test_an_exit_under_way_commits_to_nothing() -> None:
    books = NOTHING._replace(algorithms={"p-1": an_entry("2", purpose=Purpose.EXIT)}, prices={SPOT.symbol: 100.0})
    assert commitments(books, equity=1.0, total=7.0).free == 7.0


def test_an_order_counts_by_itself_once_its_parent_has_ended() -> None:
    """2 wanted at 101, half of it filled; nobody knows what became of the rest."""
    order = an_order(msgspec.structs.replace(an_intent(quantity="2", price="101"), parent_id="p-1"), "1")
    books = NOTHING._replace(orders=(order,), prices={SPOT.symbol: 100.0})
    assert commitments(books, equity=1.0, total=0.0).of(SPOT.symbol) == Commitment(101.0, 101.0, 101.0)
    assert commitments(books._replace(but="p-1"), equity=1.0, total=0.0).by_symbol == {}
    running = books._replace(algorithms={"p-1": an_entry("2")})
    assert commitments(running, equity=1.0, total=0.0).of(SPOT.symbol).notional == 200.0  # not twice


def test_an_exit_order_alone_commits_to_nothing() -> None:
    order = an_order(an_intent(side=Side.SELL, purpose=Purpose.STOP))
    assert commitments(NOTHING._replace(orders=(order,)), equity=1.0, total=0.0).by_symbol == {}


def test_an_exit_order_hides_no_entry_that_comes_after_it() -> None:
    orders = (an_order(an_intent(side=Side.SELL, purpose=Purpose.STOP)), an_order(an_intent("t-2", price="101")))
    found = commitments(NOTHING._replace(orders=orders), equity=1.0, total=0.0)
    assert found.of(SPOT.symbol) == Commitment(101.0, 101.0, 101.0)


def test_a_market_order_without_a_price_counts_at_the_market_or_at_what_it_was_decided_at() -> None:
    order = an_order(msgspec.structs.replace(an_intent(price=None), reference_price=98.0))
    books = NOTHING._replace(orders=(order,))
    assert commitments(books, equity=1.0, total=0.0).of(SPOT.symbol).notional == 98.0
    priced = books._replace(prices={SPOT.symbol: 99.0})
    assert commitments(priced, equity=1.0, total=0.0).of(SPOT.symbol).notional == 99.0


@pytest.mark.parametrize(
    ("used", "most", "weight", "left"),
    [(10.0, 30.0, 1.0, 20.0), (10.0, 30.0, 0.05, 400.0), (30.0, 30.0, 1.0, 0.0), (40.0, 30.0, 1.0, 0.0)],
)
def test_a_room_is_what_is_left(used: float, most: float, weight: float, left: float) -> None:
    room = Room(Code.CAP_EXPOSURE, used, most, weight)
    assert room.left == pytest.approx(left)
    assert room.fits(left) is (used <= most)
    assert not room.fits(left + 0.01)
    assert room.asked(100.0) == pytest.approx(used + weight * 100)


def test_what_is_not_a_number_leaves_no_room() -> None:
    for room in (Room(Code.CAP_EXPOSURE, float("nan"), 1.0), Room(Code.CAP_EXPOSURE, 0.0, float("nan"))):
        assert room.left == 0.0
        assert not room.fits(0.0)


def test_the_hedge_stands_apart_and_takes_margin() -> None:
    """2 short at 110 with the stop at 125, and 1 more under way at 100: no exposure of anybody, but margin."""
    books = NOTHING._replace(
        positions=held(a_position("-2", "100", PERPETUAL.symbol), a_position("1")),
        algorithms={"p-1": an_entry("1", Side.SELL, Purpose.HEDGE)},
        prices={PERPETUAL.symbol: 110.0, SPOT.symbol: 100.0},
        stops={PERPETUAL.symbol: 125.0, SPOT.symbol: 90.0},
        stop_fracs={PERPETUAL.symbol: 0.25},
        leverage=2.0,
        hedge=PERPETUAL.symbol,
    )
    found = commitments(books, equity=1_000.0, total=900.0)
    assert found.hedge == Commitment(330.0, 30.0 + 27.5, -330.0)
    assert dict(found.by_symbol) == {SPOT.symbol: Commitment(100.0, 10.0, 100.0)}
    assert (found.notional, found.risk) == (100.0, 10.0)
    fee = PERPETUAL.taker_fee_frac
    assert found.free == pytest.approx(900.0 - 110.0 - 20.0 - 110.0 * (0.5 + fee))


def test_an_order_of_the_hedge_without_its_parent_is_the_hedges() -> None:
    intent = an_intent(symbol=PERPETUAL.symbol, side=Side.SELL, quantity="2", price="100", purpose=Purpose.HEDGE)
    found = commitments(NOTHING._replace(orders=(an_order(intent, "0.5"),)), equity=1.0, total=0.0)
    assert found.hedge == Commitment(150.0, 150.0, -150.0)
    assert not found.by_symbol
