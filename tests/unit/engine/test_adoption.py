"""Positions without a plan: adopted, guarded and halted, or closed; on spot and perpetual, at a start and later."""

import math
from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec
import pytest

from tests.kit.builders import NOW_MS, a_context, a_fill, a_model, a_perpetual
from tests.kit.situations import DAY_MS, MINUTE_MS, PERPETUAL, Scene, a_scene, notices, of, sent, told
from trader.domain.account import Position
from trader.domain.closing import CloseReason
from trader.domain.decisions import CancelOrder, Decision, Level, Notify, RecordTrade, TradingState
from trader.domain.events import CommandName, FillArrived, ModelChanged, OrderAbsent, OrderRefused
from trader.domain.instrument import Instrument
from trader.domain.orders import OrderIntent, OrderStatus, OrderType, Purpose, Side
from trader.domain.refusals import RefusalCode
from trader.domain.signals import MarketContext, Verdict
from trader.risk.stops import PositionPlan
from trader.service.control.snapshot import snapshot

Found = Callable[[str, Side], tuple[Scene, list[Decision]]]
UNPLANNED = "position.unplanned"


def a_start(policy: str, side: Side, *, gain: float = 0.5) -> tuple[Scene, list[Decision]]:
    """A start that finds a position whose plan is not in the ledger; spot for a long, a perpetual for a short."""
    scene = a_scene({"risk": {"startup_policy": policy}}, perpetual=side is Side.SELL)
    scene.enter(0.02 * side.sign)
    scene.wait(MINUTE_MS)
    scene.price(100.0 + gain * side.sign)
    scene.lose("plan")
    scene.seen.clear()
    scene.restart()
    return scene, scene.reconcile(is_startup=True)


def found_later(policy: str, side: Side) -> tuple[Scene, list[Decision]]:
    """One that turns up while it trades. On spot: the late fill of an entry that the exchange did not know of."""
    scene = a_scene({"risk": {"startup_policy": policy}}, perpetual=side is Side.SELL)
    if side is Side.SELL:
        scene.seen.clear()
        decided: list[Decision] = []
        for _ in range(2):
            decided += scene.reconcile(positions=[Position(PERPETUAL, Decimal(-3), Decimal(90), NOW_MS)])
        return scene, decided
    scene.forecast()
    [entry] = sent(scene.seen)
    scene.hear(OrderAbsent(client_id=entry.client_id, evidence="never seen"))
    scene.command(CommandName.FLATTEN)  # so that nobody tries again
    scene.ignore()
    scene.wait(MINUTE_MS)
    scene.seen.clear()
    late = a_fill("late", client_id=entry.client_id, quantity="3", price="100", ts_ms=scene.now_ms)
    return scene, [*scene.hear(FillArrived(fill=late)), *scene.tick()]


def stop_of(scene: Scene, decided: list[Decision]) -> OrderIntent:
    """The newest protective stop, the one order that was sent."""
    order = scene.resting()[-1]
    assert order.type is OrderType.STOP_MARKET
    assert sent(decided) == [order]
    return order


def touch(scene: Scene) -> tuple[float, float]:
    book = scene.engine.state.markets[scene.symbol].book
    assert book is not None
    return book.bid, book.ask


SIDES = pytest.mark.parametrize("side", [Side.BUY, Side.SELL], ids=["spot", "perpetual"])
WHEN = pytest.mark.parametrize("found", [a_start, found_later], ids=["start", "later"])


@SIDES
@WHEN
def test_adopt_sends_a_stop_and_nothing_else(found: Found, side: Side) -> None:
    scene, decided = found("adopt", side)
    order = stop_of(scene, decided)
    bid, ask = touch(scene)
    assert (order.side, order.quantity) == (side.opposite, abs(scene.held()))
    assert order.stop_price is not None
    assert (float(order.stop_price) - (bid if side is Side.BUY else ask)) * side.sign < 0
    assert order.reduce_only is (side is Side.SELL)
    assert of(decided, CancelOrder) == []
    plan = scene.plan()
    assert (plan.is_adopted, plan.side, plan.opened_ms) == (True, side, scene.now_ms)
    assert plan.entry_price == (bid if side is Side.BUY else ask)
    assert scene.trading() == (TradingState.ACTIVE, ())


@SIDES
@WHEN
def test_it_is_named_in_log_and_status(found: Found, side: Side) -> None:
    scene, decided = found("adopt", side)
    held, plan = scene.held(), scene.plan()
    told = {n.event: n for n in of(decided, Notify) if n.symbol == scene.symbol and n.event.startswith("position.")}
    assert told[UNPLANNED].level is Level.ALERT
    assert told[UNPLANNED].message == f"{held} {scene.symbol} has no plan; policy adopt"
    assert told["position.adopted"].level is Level.WARNING
    assert told["position.adopted"].message == f"{held} at {plan.entry_price:.8g} with a stop at {plan.stop_price:.8g}"
    status = snapshot(scene.settings, scene.engine.state, started_ms=0, market_ms=scene.now_ms, events=0, errors=0)
    assert [(position.symbol, position.stage) for position in status.positions] == [(scene.symbol, "adopted")]
    scene.oblige()
    later = [*scene.live_on(5_000), *scene.reconcile()]
    assert [n for n in of(later, Notify) if n.level is not Level.INFO] == []


@SIDES
@WHEN
def test_halt_rests_a_stop_too_and_opens_nothing(found: Found, side: Side) -> None:
    scene, decided = found("halt", side)
    stop_of(scene, decided)
    reason = f"{scene.held()} {scene.symbol} has no plan; policy halt"
    assert scene.trading() == (TradingState.HALTED, (reason,))
    scene.oblige()
    scene.price(100.0 + side.sign * 30.0)  # far past every target, and for days
    decided = [*scene.live_on(5_000), *scene.wait(3 * DAY_MS), *scene.tick()]
    assert [order for order in sent(decided) if order.purpose is not Purpose.STOP] == []
    assert len(scene.stops()) == 1


@SIDES
@WHEN
def test_flatten_closes_it_at_the_market(found: Found, side: Side) -> None:
    scene, decided = found("flatten", side)
    [order] = sent(decided)
    assert (order.purpose, order.side, order.quantity) == (Purpose.FLATTEN, side.opposite, abs(scene.held()))
    scene.oblige()
    assert scene.held() == 0
    assert [trade.trade.reason for trade in of(scene.seen, RecordTrade)] == [CloseReason.UNPLANNED]
    assert notices(scene.seen).count(UNPLANNED) == 1


# --- how far the stop is ----------------------------------------------------------------------------------


def adopted(
    *, settings: dict[str, object] | None = None, side: Side = Side.SELL, price: float = 100.0,
    context: MarketContext | None = None, closes: Sequence[float] = (), instrument: Instrument | None = None,
) -> PositionPlan:  # fmt: skip
    """The plan of a position that turns up on a perpetual while this is known; no regime unless there is a context."""
    scene = a_scene(settings, instruments=[instrument or a_perpetual(PERPETUAL)], mid=price)
    if context is not None:
        scene.forecast(prediction=0.0, context=context)
    for close in closes:
        scene.wait(MINUTE_MS)
        scene.candle(close)
    listed = [Position(PERPETUAL, Decimal(3) * side.sign, Decimal(str(price)), NOW_MS)]
    for _ in range(2):
        scene.reconcile(positions=listed)
    [resting] = scene.resting()
    assert resting.stop_price is not None
    book = scene.engine.state.markets[PERPETUAL].book
    assert book is not None
    assert (float(resting.stop_price) - (book.bid if side is Side.BUY else book.ask)) * side.sign < 0
    return scene.plan()


def test_the_newest_forecast_says_how_far_the_stop_is() -> None:
    """2 ATRs of 1 each against 1 % of the regime and 3 sigma of 16 minutes at 30 % a year (0.5 %)."""
    assert adopted(context=a_context(close=100.0, atr_14=1.0, hist_vol_20=0.3)).atr_width_frac == pytest.approx(0.02)


def test_without_a_forecast_the_closes_say_it() -> None:
    """Up and down by 1 % a minute: 2 moves, or 3 sigma of four times (16 minutes) 1 %."""
    plan = adopted(closes=[100.0 if number % 2 else 101.0 for number in range(41)])
    assert plan.atr_width_frac == pytest.approx(3 * 4 * math.log(1.01), rel=1e-3)


def test_with_nothing_known_it_is_as_wide_as_any_regime_wants_it() -> None:
    """2 % of high volatility; 3 sigma of 16 minutes at 60 % a year are 0.99 %."""
    assert adopted().atr_width_frac == pytest.approx(0.02)
    assert adopted(settings={"strategy": {"high_volatility": 3.0}}).atr_width_frac == pytest.approx(0.0497, rel=1e-2)


def test_it_is_never_wider_than_a_quarter() -> None:
    wild = a_context(close=100.0, atr_14=30.0, hist_vol_20=9.0)
    assert adopted(context=wild).atr_width_frac == 0.25


def test_it_comes_before_the_liquidation_of_an_isolated_position() -> None:
    isolated: dict[str, object] = {"exchange": {"market": "perpetual", "margin_mode": "isolated", "leverage": 50}}
    assert adopted(settings=isolated).atr_width_frac == pytest.approx(0.016)


@pytest.mark.parametrize("side", list(Side))
def test_on_a_coarse_grid_of_prices_it_is_still_on_its_side(side: Side) -> None:
    """A tick is 10 % of the price: rounded towards the market, a stop at 2 % would be beyond it."""
    coarse = msgspec.structs.replace(a_perpetual(PERPETUAL), price_tick=Decimal("0.1"))
    adopted(price=1.0, instrument=coarse, side=side)


def test_a_stop_that_rests_for_it_is_not_loosened() -> None:
    """The lost plan's stop at 99.01 is nearer than one at 1 % below 99.49."""
    scene, decided = a_start("adopt", Side.BUY, gain=-0.5)
    assert sent(decided) == []
    assert scene.plan().stop_price == pytest.approx(99.01)
    assert scene.stops() == [(scene.held(), Decimal("99.01"))]


# --- afterwards -------------------------------------------------------------------------------------------


def test_it_leaves_as_any_position_does() -> None:
    """Half at 2 R with the stop at break-even, the rest when the horizon ends."""
    scene, _ = found_later("adopt", Side.SELL)
    scene.oblige()
    start, held = scene.plan(), abs(scene.held())
    scene.price(start.entry_price * (1 - 2.01 * start.atr_width_frac))
    scene.oblige()
    assert abs(scene.held()) == held / 2
    assert scene.plan().stop_price == start.entry_price
    scene.price(start.entry_price * (1 - start.atr_width_frac))
    scene.wait(17 * MINUTE_MS + MINUTE_MS // 2)  # to the close after its end, and half a candle
    scene.tick()
    scene.oblige()
    assert scene.held() == 0
    assert [trade.trade.reason for trade in of(scene.seen, RecordTrade)] == [CloseReason.HORIZON]


def test_a_stop_that_is_hit_ends_it_at_the_exchange() -> None:
    scene, decided = found_later("adopt", Side.SELL)
    stop = stop_of(scene, decided)
    scene.report(stop.client_id, OrderStatus.OPEN)
    scene.fill(stop.client_id)
    assert scene.held() == 0
    assert not scene.has_plan()
    assert [trade.trade.reason for trade in of(scene.seen, RecordTrade)] == [CloseReason.STOP]


@SIDES
def test_it_stays_adopted_over_a_restart(side: Side) -> None:
    scene, _ = a_start("adopt", side)
    scene.oblige()
    plan = scene.plan()
    scene.wait(1_000)
    scene.restart()
    decided = [*scene.reconcile(is_startup=True), *scene.tick()]
    assert sent(decided) == []
    assert UNPLANNED not in notices(decided)
    assert scene.plan() == plan


def test_a_plan_waits_for_a_price_but_a_person_does_not() -> None:
    scene = Scene(perpetual=True)
    scene.live()
    listed = [Position(PERPETUAL, Decimal(3), Decimal(100), NOW_MS)]
    decided = scene.reconcile(is_startup=True, positions=listed, USDT="10000")
    assert (notices(decided).count(UNPLANNED), sent(decided)) == (1, [])
    scene.price(50.0)
    decided = scene.tick()
    assert (notices(decided).count(UNPLANNED), stop_of(scene, decided).stop_price) == (0, Decimal("49.00"))


def test_one_that_is_to_be_closed_waits_for_a_price_too() -> None:
    """No plan has its exit looked at with every price: the next tick after it begins the exit."""
    scene = Scene({"risk": {"startup_policy": "flatten"}}, perpetual=True)
    scene.live()
    listed = [Position(PERPETUAL, Decimal(3), Decimal(100), NOW_MS)]
    decided = scene.reconcile(is_startup=True, positions=listed, USDT="10000")
    assert (notices(decided).count(UNPLANNED), sent(decided)) == (1, [])
    scene.price(50.0)
    [order] = sent(scene.tick())
    assert (order.purpose, order.side, order.quantity) == (Purpose.FLATTEN, Side.SELL, Decimal(3))
    scene.oblige()
    assert scene.held() == 0


@pytest.mark.parametrize("policy", ["adopt", "halt", "flatten"])
def test_until_then_its_decision_row_says_that_it_has_no_plan(policy: str) -> None:
    """Its price has just come and no plan was made yet, or it could not be closed: nothing is being bought."""
    scene = Scene({"risk": {"startup_policy": policy}}, perpetual=True)
    scene.live()
    scene.hear(ModelChanged(model=a_model()))
    listed = [Position(PERPETUAL, Decimal(3), Decimal(100), NOW_MS)]
    scene.reconcile(is_startup=True, positions=listed, USDT="10000")
    scene.price(50.0)
    if policy == "flatten":
        assert told(scene.forecast()) == ("exit under way",)
        scene.tick()
        refused_until_given_up(scene)
        scene.wait(MINUTE_MS)
    record = scene.forecast()
    assert record.verdict is Verdict.HOLD
    assert told(record) == (f"the position has no plan; risk.startup_policy is {policy}",)


def refused_until_given_up(scene: Scene) -> None:
    """The exchange takes no order that would close it, as often as one is sent."""
    answered = 0
    while orders := sent(scene.seen, Purpose.FLATTEN)[answered:]:
        answered += len(orders)
        for order in orders:
            scene.hear(OrderRefused(client_id=order.client_id, code=RefusalCode.REJECTED, reason="no"))
        scene.wait(10_000)
        scene.tick()


def test_what_could_not_be_closed_is_tried_again_with_the_next_look_at_the_account() -> None:
    """Refused again and again: after the last try nothing is sent until the exchange has been asked."""
    scene, _ = found_later("flatten", Side.SELL)
    refused_until_given_up(scene)
    assert len(sent(scene.seen)) > 8
    assert sent([*scene.wait(MINUTE_MS), *scene.tick()]) == []
    assert len(sent(scene.reconcile())) == 1


def test_coins_from_before_the_first_start_are_their_owners() -> None:
    """And so are those bought by hand later: on spot only what we bought is a position."""
    for policy in ("adopt", "halt", "flatten"):
        scene = Scene({"risk": {"startup_policy": policy}})
        scene.live()
        scene.price(100.0)
        scene.reconcile(is_startup=True, USDT="10000", BTC="7")
        for _ in range(3):
            scene.reconcile(USDT="9800", BTC="9")
            scene.tick()
        assert UNPLANNED not in notices(scene.seen)
        assert sent(scene.seen) == []
        assert scene.trading() == (TradingState.ACTIVE, ())
