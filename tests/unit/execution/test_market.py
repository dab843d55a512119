"""The protected market order."""

from decimal import Decimal

import msgspec
import pytest

from tests.kit.builders import a_book, a_perpetual, an_instrument
from tests.unit.execution.driver import Run
from trader.config.execution import ExecutionSettings
from trader.domain.orders import OrderStatus, OrderType, Purpose, Side, TimeInForce
from trader.domain.reasons import Code, because
from trader.domain.refusals import Refusal, RefusalCode
from trader.execution.algorithms import ChildChanged, ChildRefused, MarketState, Started, WokeUp
from trader.execution.algorithms.market import dearest_price, protected_price


def test_buys_with_an_ioc_limit_a_little_through_the_ask() -> None:
    run = Run("market", "1.5")
    intent = run.last
    assert (intent.type, intent.time_in_force, intent.post_only) == (OrderType.LIMIT, TimeInForce.IOC, False)
    assert intent.price == Decimal("100.31")  # 100.01 x 1.003, on the tick, not beyond
    assert (intent.quantity, intent.side, intent.parent_id) == (Decimal("1.5"), Side.BUY, "p-1")
    assert intent.reference_price == pytest.approx(100.0)


def test_sells_through_the_bid() -> None:
    assert Run("market", side=Side.SELL).last.price == Decimal("99.70")


def test_finishes_when_filled() -> None:
    run = Run("market", "1")
    run.fill("0.4")
    assert not run.state.finished
    run.fill("0.6")
    assert run.finished == "filled"
    assert run.state.average_price == run.last.price


def test_tries_again_for_the_rest_after_a_pause() -> None:
    run = Run("market", "1")
    run.fill("0.3")
    run.end()
    assert len(run.placed) == 1
    run.advance(2)
    assert len(run.placed) == 2
    assert run.last.quantity == Decimal("0.7")
    assert run.placed[0].client_id != run.placed[1].client_id


def test_gives_up_after_a_bounded_number_of_tries() -> None:
    run = Run("market", "1")
    for _ in range(20):
        if run.finished:
            break
        run.end()
        run.advance(5)
    assert run.finished == "filled 0 of 1 after 5 tries"
    assert len(run.placed) == 5
    assert len({intent.price for intent in run.placed}) == 1


def test_an_exit_reaches_further_with_every_try() -> None:
    run = Run("market", "1", side=Side.SELL, purpose=Purpose.EXIT)
    for _ in range(4):
        run.end()
        run.advance(5)
    prices = [intent.price for intent in run.placed]
    assert prices == [Decimal(text) for text in ("99.70", "99.40", "99.10", "98.80", "98.50")]


def test_tries_and_the_wait_for_a_book_are_as_configured() -> None:
    settings = ExecutionSettings(market_tries=2, market_wait_s=10)
    run = Run("market", "1", settings=settings)
    for _ in range(2):
        run.end()
        run.advance(5)
    assert len(run.placed) == 2
    assert run.finished == "filled 0 of 1 after 2 tries"
    lost = Run("market", "1", has_book=False, settings=settings)
    lost.advance(9)
    assert lost.finished is None
    lost.advance(2)
    assert lost.finished == "filled 0 of 1: no book"


def test_dust_left_over_is_finished_with_a_reason() -> None:
    run = Run("market", "1")
    run.fill("0.96")  # 4 USDT are left
    run.end()
    assert run.finished == "filled 0.96 of 1: 0.04 left is below the minimum notional 5 USDT"


def test_a_perpetual_exit_has_no_minimum_notional_and_only_reduces() -> None:
    run = Run("market", "0.04", side=Side.SELL, purpose=Purpose.EXIT, instrument=a_perpetual())
    assert run.last.reduce_only
    assert run.last.quantity == Decimal("0.04")


def test_the_minimum_notional_binds_entries_everywhere_and_exits_on_spot() -> None:
    entry = Run("market", "0.04", instrument=a_perpetual())
    exit_ = Run("market", "0.04", side=Side.SELL, purpose=Purpose.EXIT)
    for run in (entry, exit_):
        assert run.placed == []
        assert run.finished == "filled 0 of 0.04: 0.04 left is below the minimum notional 5 USDT"


def test_rejects_are_bounded_and_named() -> None:
    run = Run("market", "1")
    for _ in range(10):
        if run.finished:
            break
        run.refuse()
        run.advance(5)
    assert run.finished == "rejected: insufficient_funds"
    assert len(run.placed) == 3


def test_an_unknown_child_blocks_until_there_is_evidence() -> None:
    run = Run("market", "1")
    run.lose()
    run.advance(600)
    run.tell(WokeUp("of another parent"))
    assert len(run.placed) == 1
    run.absent()
    run.advance(5)
    assert len(run.placed) == 2
    assert run.last.quantity == Decimal(1)


def test_an_ended_child_whose_fills_are_missing_blocks() -> None:
    run = Run("market", "1")
    run.end(OrderStatus.EXPIRED, filled="0.5")
    run.advance(60)
    assert len(run.placed) == 1
    run.fill("0.5")
    run.advance(2)
    assert run.last.quantity == Decimal("0.5")


def test_refused_by_the_review_ends_the_parent() -> None:
    run = Run("market", "1")
    run.tell(ChildRefused("t-other", because(Code.REPEATED_CLIENT_ID, "t-other")))
    assert not run.state.finished
    run.tell(ChildRefused(run.last.client_id, because(Code.TRADING_STATE, "halted")))
    assert run.finished == "refused: trading state is halted"
    assert run.state.live is None


def test_abort_waits_for_the_live_child_and_cancels_it_once_it_is_open() -> None:
    run = Run("market", "1")
    run.abort("flatten")
    assert run.cancels == []
    assert not run.state.finished
    run.ack()
    assert run.cancels == [run.last.client_id]
    run.tell(WokeUp("of another parent"))
    assert len(run.cancels) == 1
    run.advance(11)
    assert len(run.cancels) == 2  # no answer to the first
    run.end(OrderStatus.CANCELED)
    assert run.finished == "flatten"


def test_waits_for_a_book_but_not_for_ever() -> None:
    run = Run("market", "1", has_book=False)
    assert run.placed == []
    run.advance(30)
    run.book = a_book()
    run.advance(2)
    assert len(run.placed) == 1

    lost = Run("market", "1", has_book=False)
    lost.advance(120)
    assert lost.finished == "filled 0 of 1: no book"


def test_repeated_inputs_do_nothing_twice() -> None:
    run = Run("market", "1")
    run.fill("0.3")
    order = run.tracker.by_client_id(run.last.client_id)
    assert order is not None
    for news in (Started(), ChildChanged(order), ChildChanged(order), WokeUp("p-1")):
        assert run.tell(news) == []
    assert run.state.filled == Decimal("0.3")


def test_goes_on_after_a_restart() -> None:
    run = Run("market", "1")
    run.fill("0.3")
    run.restart()
    assert len(run.placed) == 1
    run.end()
    run.restart()
    run.advance(2)
    assert run.last.quantity == Decimal("0.7")
    run.restart()
    run.fill("0.7")
    assert run.finished == "filled"


def test_late_fills_are_counted_after_the_end() -> None:
    run = Run("market", "1")
    for _ in range(5):
        run.end()
        run.advance(5)
    assert run.finished is not None
    run.fill("0.2")
    assert run.state.filled == Decimal("0.2")


def test_a_coarse_tick_still_reaches_the_touch() -> None:
    book = a_book(bid=99.0, ask=100.0, tick=1.0)
    run = Run("market", "1", book=book, instrument=an_instrument(tick="1"))
    assert run.last.price == Decimal(100)


def test_after_a_refusal_it_waits_a_second_and_a_fill_begins_the_count_anew() -> None:
    run = Run("market", "1")
    run.refuse()
    run.advance(0.999)
    assert len(run.placed) == 1
    run.advance(0.001)
    assert len(run.placed) == 2
    run.now_ms += 5_000  # the answer takes longer than the pause
    run.refuse()
    assert len(run.placed) == 2
    run.advance(1)
    assert len(run.placed) == 3
    assert (run.state.failures, run.state.refusal) == (2, Refusal(RefusalCode.INSUFFICIENT_FUNDS))
    run.fill("0.2")
    run.end()
    assert (run.state.failures, run.state.refusal) == (0, None)


def test_news_of_an_order_that_is_over_counts_no_failure_again() -> None:
    run = Run("market", "1")
    run.refuse()
    refused = run.tracker.by_client_id(run.last.client_id)
    assert refused is not None
    run.tell(ChildChanged(refused))
    run.tell(ChildChanged(msgspec.structs.replace(refused, intent=msgspec.structs.replace(run.last, client_id="t-x"))))
    assert run.state.failures == 1


def test_an_order_names_what_it_is_for() -> None:
    run = Run("market", "1", side=Side.SELL, purpose=Purpose.EXIT, instrument=a_perpetual())
    intent = run.last
    assert (intent.parent_id, intent.decision_id, intent.symbol, intent.purpose) == (
        "p-1",
        "d-1",
        "BTC/USDT:USDT",
        Purpose.EXIT,
    )
    assert intent.reduce_only
    assert not Run("market", "1", side=Side.SELL, purpose=Purpose.EXIT).last.reduce_only  # spot knows no such thing
    assert not Run("market", "1", instrument=a_perpetual()).last.reduce_only


def test_a_cancel_that_is_not_answered_is_asked_again_after_ten_seconds() -> None:
    run = Run("market", "1")
    run.ack()
    run.abort("flatten")
    assert len(run.cancels) == 1
    run.advance(9.999)
    assert len(run.cancels) == 1
    run.advance(0.001)
    assert len(run.cancels) == 2


def test_what_is_left_of_another_algorithm_begins_with_no_failures() -> None:
    settings = ExecutionSettings(limit_timeout_s=0.5)
    run = Run("limit", "1", side=Side.SELL, purpose=Purpose.EXIT, settings=settings)
    run.refuse()
    run.advance(0.5)
    assert isinstance(run.state, MarketState)
    assert (run.state.failures, run.state.step) == (0, len(run.placed))
    assert run.state.deadline_ms == run.state.started_ms + 500 + 60_000


@pytest.mark.parametrize(
    ("bid", "ask", "buys_at", "sells_at", "dearest_sale"),
    [(99.983, 100.013, "100.02", "99.98", "99.99"), (99.987, 100.017, "100.02", "99.98", "99.99")],
)
def test_a_touch_between_two_ticks_is_reached(
    bid: float, ask: float, buys_at: str, sells_at: str, dearest_sale: str
) -> None:
    instrument, book = an_instrument(), a_book(bid=bid, ask=ask)
    assert protected_price(instrument, book, Side.BUY, 0.0) == Decimal(buys_at)
    assert protected_price(instrument, book, Side.SELL, 0.0) == Decimal(sells_at)
    assert dearest_price(instrument, book, Side.SELL, ExecutionSettings()) == Decimal(dearest_sale)
