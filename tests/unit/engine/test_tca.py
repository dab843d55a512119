"""Every parent order and every protective stop that fills has its row; what entries cost is learned and remembered."""

from decimal import Decimal

import pytest

from tests.kit.builders import NOW_MS, a_fill
from tests.kit.situations import MINUTE_MS, Scene, a_scene, of, sent, stream, told
from trader.domain.decisions import ExecutionReport, KeepState, MarkExecution, RecordExecution
from trader.domain.events import CommandName, FillArrived, StreamState
from trader.domain.orders import OrderStatus, Purpose, Side
from trader.domain.signals import Verdict

D = Decimal


def rows(scene: Scene) -> list[ExecutionReport]:
    return [decision.report for decision in of(scene.seen, RecordExecution)]


def marked(scene: Scene) -> list[ExecutionReport]:
    return [decision.report for decision in of(scene.seen, MarkExecution)]


def test_an_entry_is_measured_from_the_close_it_was_decided_at() -> None:
    """The candle closed at 100, 40 s ago; the mid is 100.10 now, the ask 100.11."""
    scene = a_scene()
    scene.price(100.10)
    scene.forecast(age_ms=40_000)
    scene.oblige()
    [row] = rows(scene)
    assert (row.decision_price, row.decided_ms) == (D(100), NOW_MS - 40_000)
    bought = row.filled
    assert row.delay_quote == D("0.10") * bought
    assert row.spread_quote == D("0.01") * bought
    assert row.modelled_quote is not None
    assert float(row.modelled_quote) == pytest.approx(float(bought) * 100.11 * (0.001 + 0.01 / 100.10), rel=1e-6)
    assert row.shortfall_quote == row.delay_quote + row.spread_quote + row.impact_quote + row.fees_quote


def test_an_exit_is_measured_from_when_it_was_wanted() -> None:
    """Wanted at the stop, with the mid at 98.50; on spot it waits until the stop has given the coins free."""
    scene = a_scene()
    scene.enter()
    scene.price(98.50)
    wanted_ms = scene.now_ms
    scene.now_ms += 400
    scene.price(98.30)
    scene.oblige()
    exit_ = rows(scene)[-1]
    assert (exit_.purpose, exit_.decision_price, exit_.decided_ms) == (Purpose.EXIT, D("98.5"), wanted_ms)


def test_a_stop_that_fills_has_a_row_of_its_own() -> None:
    scene = a_scene()
    scene.enter()
    [stop] = scene.resting()
    assert stop.stop_price is not None
    scene.wait(MINUTE_MS)
    scene.fill(stop.client_id, price=98.90)
    row = rows(scene)[-1]
    assert (row.parent_id, row.purpose, row.algorithm) == (stop.client_id, Purpose.STOP, "market")
    assert (row.decision_price, row.filled) == (stop.stop_price, stop.quantity)
    assert row.delay_quote == (stop.stop_price - D("100.0")) * stop.quantity  # the book that is known says 100
    assert row.shortfall_quote - row.fees_quote == (stop.stop_price - D("98.90")) * stop.quantity
    assert len(rows(scene)) == len({each.parent_id for each in rows(scene)}) == 2


def test_a_stop_that_fills_in_parts_has_one_row_from_its_first_fill() -> None:
    scene = a_scene(perpetual=True)
    scene.enter(-0.02)
    [stop] = scene.resting()
    scene.wait(MINUTE_MS)
    first_ms = scene.now_ms
    scene.fill(stop.client_id, "1", price=101.1)
    assert [row.purpose for row in rows(scene)] == [Purpose.ENTRY]
    scene.wait(2_000)
    scene.fill(stop.client_id, price=101.2)
    row = rows(scene)[-1]
    assert (row.purpose, row.started_ms, row.ended_ms) == (Purpose.STOP, first_ms, first_ms + 2_000)
    assert row.filled == stop.quantity


def test_a_stop_that_is_taken_back_has_none() -> None:
    scene = a_scene()
    scene.enter()
    [stop] = scene.resting()
    scene.report(stop.client_id, OrderStatus.CANCELED)
    assert [row.purpose for row in rows(scene)] == [Purpose.ENTRY]


def test_a_stop_whose_news_come_late_is_not_measured_by_the_book_of_now() -> None:
    scene = a_scene()
    scene.enter()
    [stop] = scene.resting()
    scene.now_ms += 60_000
    late = a_fill(
        "f-late",
        client_id=stop.client_id,
        exchange_order_id=f"x-{stop.client_id}",
        side=Side.SELL,
        quantity=stop.quantity,
        price="98.90",
        ts_ms=scene.now_ms - 30_000,
    )
    scene.hear(FillArrived(fill=late))
    scene.report(stop.client_id, OrderStatus.FILLED, filled=str(stop.quantity))
    row = rows(scene)[-1]
    assert (row.arrival_mid, row.delay_quote, row.spread_quote) == (0.0, D(0), D(0))
    assert row.impact_quote == (row.decision_price - D("98.90")) * row.filled  # type: ignore[operator]  # a stop has one


# --- a little later ---------------------------------------------------------------------------------------


def test_half_a_minute_after_an_order_the_market_is_looked_at() -> None:
    scene = a_scene()
    scene.enter()
    scene.wait(29_000)
    scene.tick()
    assert marked(scene) == []
    scene.price(99.50)
    scene.wait(1_000)
    scene.tick()
    [row] = marked(scene)
    assert (row.parent_id, row.mark_price) == (rows(scene)[0].parent_id, D("99.5"))
    scene.live_on(MINUTE_MS)
    assert [row.purpose for row in marked(scene)].count(Purpose.ENTRY) == 1


def test_a_market_that_cannot_be_seen_then_says_nothing() -> None:
    scene = a_scene()
    scene.enter()
    scene.hear(stream(scene.symbol, StreamState.STALE))
    scene.wait(MINUTE_MS)
    scene.tick()
    scene.live()
    scene.tick()
    assert marked(scene) == []


# --- what is learned --------------------------------------------------------------------------------------


def learned(scene: Scene) -> list[str]:
    return [kept.key for kept in of(scene.seen, KeepState) if kept.kind == "costs"]


def test_a_resting_entry_is_booked_at_what_it_costs_once_the_market_has_gone_on() -> None:
    """Bought at 99.96 passive; the mid is 99.00 half a minute later: 97 bp of adverse selection.

    One order of twenty-one: the next one needs about 4.6 bp more edge.
    """
    scene = a_scene({"execution": {"algorithm": "limit"}, "risk": {"stop_sigma": 20.0}})
    scene.forecast(0.02)
    [entry] = sent(scene.seen)
    scene.answer_next()
    scene.fill(entry.client_id, price=float(entry.price or 0), fee="0")
    assert learned(scene) == []
    scene.price(99.00)
    scene.wait(30_000)
    scene.tick()
    assert learned(scene) == ["limit"]
    scene.restart()
    tally = scene.engine.state.costs
    assert [(name, each.orders) for name, each in tally.items()] == [("limit", 1)]
    measured = 1 - 99.00 / float(entry.price or 0)  # the fill had no fee
    modelled = 0.001 + 0.0001
    assert tally[next(iter(tally))].excess_frac == pytest.approx(measured - modelled, abs=1e-6)


def test_the_edge_must_pay_for_what_entries_were_seen_to_cost() -> None:
    """Market entries at 25 bp where 11 were modelled, twenty times: believed by half, so 7 bp more on the way in."""
    calm = {"consecutive_losses": 1_000, "daily_loss_frac": 0.5, "drawdown_frac": 0.5}
    scene = a_scene({"execution": {"algorithm": "market"}, "risk": calm, "locks": {"loss_guard_trades": 0}})
    for _ in range(20):
        scene.forecast(0.02)
        scene.fill(sent(scene.seen, Purpose.ENTRY)[-1].client_id, price=100.15)  # 15 bp beyond the mid, fee 10 bp
        scene.oblige()
        scene.command(CommandName.FLATTEN)
        scene.oblige()
        scene.wait(MINUTE_MS)
    assert told(scene.forecast(0.0028)) == ("edge 28.0bp < 29.0bp with impact",)
    scene.wait(MINUTE_MS)
    assert scene.forecast(0.0030).verdict is Verdict.ENTER
