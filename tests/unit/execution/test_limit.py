"""The post-only limit order."""

from decimal import Decimal

import msgspec
import pytest

from tests.kit.builders import a_book, an_instrument
from tests.unit.execution.driver import Run
from trader.config.execution import ExecutionSettings
from trader.domain.orders import OrderStatus, Purpose, Side, TimeInForce
from trader.execution.algorithms import MarketState
from trader.execution.algorithms.limit import LimitState, dearest_price, passive_price

SETTINGS = ExecutionSettings()


def test_starts_passive_and_post_only() -> None:
    run = Run("limit", "1")
    intent = run.last
    assert intent.price == Decimal("99.95")  # 100.01 x 0.9995, down to the tick
    assert (intent.post_only, intent.time_in_force) == (True, TimeInForce.GTC)
    assert Run("limit", "1", side=Side.SELL).last.price == Decimal("100.04")


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
@pytest.mark.parametrize(("bid", "ask"), [(99.99, 100.0), (90.0, 100.0), (99.9999, 100.0001)])
def test_never_crosses(share: float, bid: float, ask: float) -> None:
    book, instrument = a_book(bid=bid, ask=ask), an_instrument()
    assert float(passive_price(instrument, book, Side.BUY, share, SETTINGS)) < ask
    assert float(passive_price(instrument, book, Side.SELL, share, SETTINGS)) > bid


def test_every_reprice_moves_towards_the_near_touch_and_the_last_reaches_it() -> None:
    run = Run("limit", "1")
    for _ in range(5):
        run.ack()
        run.advance(31)
        if run.live is not None and run.live.cancel_requested:
            run.end(OrderStatus.CANCELED)
    prices = [intent.price for intent in run.placed if intent.price is not None]
    assert prices == sorted(prices)
    assert len(set(prices)) == len(prices) > 2
    assert prices[-1] == Decimal("99.99")


def test_a_sale_moves_down_to_the_ask() -> None:
    book, instrument = a_book(bid=99.99, ask=100.01), an_instrument()
    prices = [passive_price(instrument, book, Side.SELL, share, SETTINGS) for share in (0.0, 0.5, 1.0)]
    assert prices == [Decimal("100.04"), Decimal("100.03"), Decimal("100.01")]
    buys = [passive_price(instrument, book, Side.BUY, share, SETTINGS) for share in (0.0, 0.5, 1.0)]
    assert buys == [Decimal("99.95"), Decimal("99.97"), Decimal("99.99")]


def test_keeps_its_place_in_the_queue_when_the_price_would_not_be_better() -> None:
    run = Run("limit", "1", book=a_book(bid=99.0, ask=100.01))  # starts above the bid: nearer than the near touch
    run.ack()
    run.advance(100)
    assert len(run.placed) == 1
    assert run.cancels == []


def test_cancels_before_it_places_anew() -> None:
    run = Run("limit", "1")
    run.ack()
    run.fill("0.25")
    run.advance(31)
    assert run.cancels == [run.last.client_id]
    assert run.state.children[-1].exchange_id == f"x-{run.last.client_id}"
    assert len(run.placed) == 1
    run.fill("0.25")  # filled while the cancel was under way
    run.end(OrderStatus.CANCELED)
    assert run.last.quantity == Decimal("0.5")


def test_an_entry_gives_up_the_rest_at_the_deadline() -> None:
    run = Run("limit", "1")
    run.ack()
    run.fill("0.25")
    for _ in range(20):
        run.advance(10)
        if run.live is not None and run.live.cancel_requested:
            run.end(OrderStatus.CANCELED)
            if run.live is not None:
                run.ack()
    assert run.finished == "timed out: filled 0.25 of 1"


def test_an_exit_takes_the_market_at_the_deadline() -> None:
    run = Run("limit", "1", side=Side.SELL, purpose=Purpose.EXIT)
    run.ack()
    while run.now_ms < run.state.started_ms + 179_000:
        run.advance(5)
        if run.live is not None and run.live.cancel_requested:
            run.end(OrderStatus.CANCELED)
            run.ack()
    run.advance(5)
    run.end(OrderStatus.CANCELED)
    assert isinstance(run.state, MarketState)
    assert run.state.algorithm == "limit"
    assert run.last.time_in_force is TimeInForce.IOC
    run.restart()
    run.fill(run.last.quantity)
    assert run.finished == "filled"


def test_pushed_out_by_the_exchange_is_bounded() -> None:
    run = Run("limit", "1")
    for _ in range(10):
        if run.finished:
            break
        run.end(OrderStatus.EXPIRED)
        run.advance(3)
    assert run.finished == "rejected: expired"
    assert len(run.placed) == 3


def test_an_unanswered_cancel_is_asked_again() -> None:
    run = Run("limit", "1")
    run.ack()
    run.advance(31)
    run.advance(11)
    assert len(run.cancels) == 2
    assert len(run.placed) == 1


def test_unknown_at_the_deadline_waits_and_then_cancels() -> None:
    run = Run("limit", "1")
    run.lose()
    run.advance(300)
    assert not run.state.finished
    assert run.cancels == []
    run.ack()
    assert run.cancels == [run.last.client_id]
    run.end(OrderStatus.CANCELED)
    assert run.finished == "timed out: filled 0 of 1"


def test_survives_a_restart_at_every_stage() -> None:
    run = Run("limit", "1")
    run.restart()
    run.ack()
    run.restart()
    run.advance(31)
    run.restart()
    assert len(run.placed) == 1
    run.end(OrderStatus.CANCELED)
    assert len(run.placed) == 2
    run.restart()
    run.fill("1")
    assert run.finished == "filled"


def test_waits_without_a_book() -> None:
    run = Run("limit", "1", has_book=False)
    assert run.placed == []
    run.advance(400)
    assert run.finished == "timed out: filled 0 of 1"


def test_each_period_moves_a_fifth_of_the_way() -> None:
    """From 99.959995 to 99.99 in five steps of 0.006001, down to the tick."""
    asked = [passive_price(an_instrument(), a_book(), Side.BUY, step / 5, SETTINGS) for step in range(6)]
    assert asked == [Decimal(price) for price in ("99.95", "99.96", "99.97", "99.97", "99.98", "99.99")]
    run = Run("limit", "1")
    for _ in range(5):
        run.ack()
        run.advance(30)
        if run.live is not None and run.live.cancel_requested:
            run.end(OrderStatus.CANCELED)
    # the third step would be no better than the second, so it rests on
    assert [intent.price for intent in run.placed] == [Decimal(f"99.9{digit}") for digit in "56789"]


def test_it_rests_for_exactly_a_period_before_it_moves() -> None:
    run = Run("limit", "1")
    run.ack()
    run.advance(29.999)
    assert run.cancels == []
    run.advance(0.001)
    assert run.cancels == [run.last.client_id]


def test_the_deadline_is_met_to_the_millisecond() -> None:
    run = Run("limit", "1", book=a_book(bid=99.0, ask=100.01))  # nearer than the near touch: it stays
    run.ack()
    run.advance(179.999)
    assert run.cancels == []
    run.advance(0.001)
    assert run.cancels == [run.last.client_id]
    run.end(OrderStatus.CANCELED)
    assert run.finished == "timed out: filled 0 of 1"
    assert run.state.deadline_ms == run.state.started_ms + 180_000


def test_a_period_longer_than_the_whole_ends_with_it() -> None:
    run = Run("limit", "1", settings=ExecutionSettings(limit_timeout_s=20, limit_reprice_s=30))
    run.ack()
    run.advance(19.999)
    assert run.cancels == []
    run.advance(0.001)
    assert run.cancels == [run.last.client_id]


def test_filled_while_its_end_was_asked_for_is_filled() -> None:
    run = Run("limit", "1", settings=ExecutionSettings(limit_timeout_s=20))
    run.ack()
    run.advance(20)
    run.fill("1")
    assert run.finished == "filled"


def test_a_book_that_comes_back_is_used_within_a_second() -> None:
    run = Run("limit", "1", has_book=False)
    run.advance(10.5)
    run.book = a_book()
    run.advance(0.5)
    assert len(run.placed) == 1


def test_while_the_book_is_lost_it_stays_where_it_is() -> None:
    run = Run("limit", "1")
    run.ack()
    run.book = None
    run.advance(100)
    assert (len(run.placed), run.cancels) == (1, [])
    run.book = a_book(bid=100.99, ask=101.01)
    run.advance(1)
    assert run.cancels == [run.last.client_id]


@pytest.mark.parametrize(
    ("timeout_s", "reprices", "price"),
    [
        (60, 0, "99.95"),
        (60, 1, "99.99"),  # of two periods the second is the last
        (180, 10, "99.99"),  # late, but never beyond the near touch
    ],
)
def test_the_last_period_is_at_the_near_touch(timeout_s: int, reprices: int, price: str) -> None:
    run = Run("limit", "1", settings=ExecutionSettings(limit_timeout_s=timeout_s))
    run.ack()
    assert isinstance(run.state, LimitState)
    run.state = msgspec.structs.replace(run.state, reprices=reprices)
    run.end(OrderStatus.CANCELED)
    run.advance(2)
    assert run.last.price == Decimal(price)


@pytest.mark.parametrize(
    ("bid", "ask", "buys_at", "sells_at"),
    [(99.99, 100.01, "100.00", "100.00"), (99.986, 100.014, "100.01", "99.99"), (99.99, 100.0, "99.99", "100.00")],
)
def test_without_an_offset_it_begins_a_tick_from_crossing(bid: float, ask: float, buys_at: str, sells_at: str) -> None:
    """Of a touch between two ticks: a tick from the one beyond it."""
    book, instrument = a_book(bid=bid, ask=ask), an_instrument()
    none = ExecutionSettings(limit_offset_frac=0.0)
    assert passive_price(instrument, book, Side.BUY, 0.0, none) == Decimal(buys_at)
    assert passive_price(instrument, book, Side.SELL, 0.0, none) == Decimal(sells_at)


def test_the_dearest_price_is_the_last_of_a_buy_and_the_first_of_a_sale() -> None:
    assert dearest_price(an_instrument(), a_book(), Side.BUY, SETTINGS) == Decimal("99.99")
    assert dearest_price(an_instrument(), a_book(), Side.SELL, SETTINGS) == Decimal("100.04")
