"""Forecasts while a position is held: situation -> hold or exit, the reasons, and what becomes of the plan."""

from collections.abc import Callable
from decimal import Decimal
from itertools import permutations

import pytest

from tests.kit.builders import SYMBOL, a_context, a_model
from tests.kit.situations import MINUTE_MS, PERPETUAL, Scene, a_scene, coins, of, quantity, sent, stream, told
from trader.domain.account import Position
from trader.domain.decisions import RecordDecision, RecordTrade, SubmitOrder
from trader.domain.events import AnyEvent, CommandName, CommandReceived, ModelChanged, ModelWatched, StreamState
from trader.domain.orders import OrderStatus, Purpose, Side
from trader.domain.signals import DecisionRecord, HealthAction, ModelHealth, Verdict


def holding(side: Side = Side.BUY, **settings: object) -> Scene:
    """A long on spot, or a short on a perpetual, entered at the close a candle ago with a horizon of 16."""
    scene = a_scene(settings, perpetual=side is Side.SELL)
    scene.wait(-scene.now_ms % MINUTE_MS)
    scene.enter(0.02 * side.sign)
    scene.wait(MINUTE_MS)
    return scene


HOLDS, GONE = ("edge holds",), ("edge gone, waiting for the exits",)


@pytest.mark.parametrize(
    ("side", "prediction", "verdict", "reasons"),
    [
        # spot: a round trip of 22 bp
        (Side.BUY, 0.0200, Verdict.HOLD, HOLDS),
        (Side.BUY, 0.0023, Verdict.HOLD, HOLDS),
        (Side.BUY, 0.0021, Verdict.HOLD, HOLDS),  # too little to enter, not to hold
        (Side.BUY, 0.0001, Verdict.HOLD, HOLDS),
        (Side.BUY, -0.0001, Verdict.HOLD, GONE),
        (Side.BUY, 0.0, Verdict.HOLD, GONE),
        (Side.BUY, -0.0021, Verdict.HOLD, GONE),  # against it, but not worth the cost of acting on it
        (Side.BUY, -0.0023, Verdict.EXIT, ("signal turned",)),
        # perpetual: 12.03 bp, and the least edge of 20 bp to turn
        (Side.SELL, -0.0001, Verdict.HOLD, HOLDS),
        (Side.SELL, 0.0001, Verdict.HOLD, GONE),
        (Side.SELL, 0.0013, Verdict.HOLD, GONE),
        (Side.SELL, 0.0019, Verdict.HOLD, GONE),
        (Side.SELL, 0.0021, Verdict.EXIT, ("signal turned",)),
    ],
)
def test_a_position_is_held_or_left_by_the_calibrated_edge(
    side: Side, prediction: float, verdict: Verdict, reasons: tuple[str, ...]
) -> None:
    scene = holding(side)
    record = scene.forecast(prediction)
    assert (record.verdict, told(record)) == (verdict, reasons)
    assert record.side == (side.opposite if verdict is Verdict.EXIT else side)
    assert bool(sent(scene.seen, Purpose.EXIT)) == (verdict is Verdict.EXIT)
    assert record.cost_bps == pytest.approx(22.0 if side is Side.BUY else 12.0333, abs=1e-3)


@pytest.mark.parametrize("side", list(Side))
def test_a_turned_signal_closes_the_whole_position(side: Side) -> None:
    scene = holding(side)
    held = scene.held()
    decided = scene.heard_forecast(-0.02 * side.sign)
    [exit_order] = sent(decided, Purpose.EXIT)
    assert (exit_order.side, exit_order.quantity) == (side.opposite, abs(held))
    scene.oblige()
    [trade] = of(scene.seen, RecordTrade)
    assert trade.trade.reason == "signal turned"
    assert trade.trade.side == side
    assert scene.held() == 0
    assert quantity(of(decided, RecordDecision)[0].record) == 0


def test_a_turn_needs_what_an_entry_to_the_other_side_needs() -> None:
    scene = holding(Side.SELL, strategy={"minimum_edge_bps": 100.0})
    assert scene.forecast(0.0099).verdict is Verdict.HOLD
    scene.wait(MINUTE_MS)
    assert scene.forecast(0.0101).verdict is Verdict.EXIT


@pytest.mark.parametrize("side", list(Side))
def test_where_one_can_be_short_a_turned_signal_flips_in_two_closes(side: Side) -> None:
    scene = a_scene(perpetual=True)
    scene.enter(0.02 * side.sign)
    scene.wait(MINUTE_MS)
    decided = scene.heard_forecast(-0.02 * side.sign)
    assert sent(decided, Purpose.ENTRY) == []  # nothing is opened while something is held
    scene.oblige()
    assert scene.held() == 0
    scene.wait(MINUTE_MS)
    record = scene.forecast(-0.02 * side.sign)
    assert (record.verdict, record.side) == (Verdict.ENTER, side.opposite)
    scene.oblige()
    assert scene.held() * side.sign < 0


def test_a_flip_waits_for_the_exit_to_end() -> None:
    scene = a_scene(perpetual=True)
    scene.enter(0.02)
    scene.wait(MINUTE_MS)
    assert scene.forecast(-0.02).verdict is Verdict.EXIT
    scene.wait(MINUTE_MS)
    record = scene.forecast(-0.02)
    assert (record.verdict, told(record)) == (Verdict.HOLD, ("exit under way",))
    assert len(sent(scene.seen, Purpose.ENTRY)) == 1  # the first one's


@pytest.mark.parametrize(
    "news",
    [
        CommandReceived(command_id="c1", name=CommandName.PAUSE, origin="test"),
        stream(SYMBOL, StreamState.STALE, "silence"),
        ModelWatched(health=ModelHealth("model-1", HealthAction.OBSERVE)),
    ],
    ids=["paused", "stale", "drifted"],
)
def test_what_opens_nothing_still_closes(news: AnyEvent) -> None:
    scene = holding()
    scene.hear(news)
    assert scene.forecast(-0.02).verdict is Verdict.EXIT
    scene.oblige()
    assert scene.held() == 0


def test_a_model_that_only_observes_closes_what_another_opened() -> None:
    scene = holding(model={"gate": "enforce"})
    scene.hear(ModelChanged(model=a_model(verdict="observe")))
    assert scene.forecast(-0.02).verdict is Verdict.EXIT


# --- the horizon ------------------------------------------------------------------------------------------


ENDED = "its horizon has ended"


@pytest.mark.parametrize(
    ("candles", "prediction", "verdict", "reasons"),
    [
        (1, 0.02, Verdict.HOLD, HOLDS),  # there is another close before the end
        (1, 0.0, Verdict.HOLD, GONE),
        (0, 0.02, Verdict.HOLD, (*HOLDS, "extended by a horizon")),
        (0, 0.0001, Verdict.HOLD, (*HOLDS, "extended by a horizon")),
        (0, 0.0, Verdict.EXIT, (*GONE, ENDED)),
        (0, -0.02, Verdict.EXIT, ("signal turned",)),
    ],
)
@pytest.mark.parametrize("side", list(Side))
def test_the_close_that_ends_the_horizon_judges_it(
    side: Side, candles: int, prediction: float, verdict: Verdict, reasons: tuple[str, ...]
) -> None:
    scene = holding(side)
    before = scene.plan().horizon_end_ms
    scene.wait(before - candles * MINUTE_MS - scene.now_ms)
    scene.price(100.0)
    scene.tick()
    assert not scene.is_leaving()  # a price alone does not end it
    record = scene.forecast(prediction * side.sign)
    assert (record.verdict, told(record)) == (verdict, reasons)
    assert record.side is (side if verdict is Verdict.HOLD else side.opposite)
    assert scene.is_leaving() is (verdict is Verdict.EXIT)
    extended = scene.now_ms + 16 * MINUTE_MS if "extended by a horizon" in reasons else before
    assert scene.plan().horizon_end_ms == extended
    scene.restart()
    assert (scene.plan().horizon_end_ms, scene.is_leaving()) == (extended, verdict is Verdict.EXIT)


def test_a_horizon_is_extended_from_the_close_and_never_shortened() -> None:
    scene = holding()
    scene.wait(scene.plan().horizon_end_ms + 15_000 - scene.now_ms)
    scene.forecast(0.02, age_ms=15_000)
    assert scene.plan().horizon_end_ms == scene.now_ms - 15_000 + 16 * MINUTE_MS
    short = holding()
    short.hear(ModelChanged(model=a_model(horizon_candles=1)))
    before = short.plan().horizon_end_ms
    assert told(short.forecast(0.02)) == HOLDS
    assert short.plan().horizon_end_ms == before


@pytest.mark.parametrize(("wait_candles", "late_ms"), [(None, 30_000), (0.25, 15_000), (0.0, 0)])
def test_without_the_forecast_of_its_close_the_horizon_ends_by_itself(wait_candles: float | None, late_ms: int) -> None:
    scene = holding(risk={} if wait_candles is None else {"horizon_wait_candles": wait_candles})
    scene.wait(scene.plan().horizon_end_ms + late_ms - 1 - scene.now_ms)
    scene.price(100.0)
    assert not scene.is_leaving()
    scene.wait(1)
    scene.tick()
    assert scene.is_leaving()


def test_a_close_without_a_usable_forecast_ends_the_horizon_too() -> None:
    """What is known of the edge is nothing: that is no reason to go on."""
    scene = holding()
    scene.wait(scene.plan().horizon_end_ms - scene.now_ms)
    record = scene.forecast(missing=("funding_rate",))
    assert (record.verdict, told(record)) == (Verdict.EXIT, ("no forecast: funding_rate missing", ENDED))


@pytest.mark.parametrize("side", list(Side))
def test_what_was_sold_at_a_close_is_not_bought_back_with_its_forecast(side: Side) -> None:
    """The forecast comes later than it may; at the next close the symbol is free again, also after a restart."""
    scene = holding(side)
    scene.wait(scene.plan().horizon_end_ms + 30_000 - scene.now_ms)
    scene.price(100.0)
    scene.oblige()
    assert scene.held() == 0
    scene.restart()
    scene.live()
    scene.price(100.0)
    scene.reconcile(is_startup=True)
    late = scene.forecast(0.02 * side.sign, age_ms=30_000)
    assert (late.verdict, told(late)) == (Verdict.SKIP, ("left since this close",))
    scene.wait(30_000)
    assert scene.forecast(0.02 * side.sign).verdict is Verdict.ENTER


@pytest.mark.parametrize("prediction", [0.02, 0.0, -0.02])
@pytest.mark.parametrize("moved", [0.0, 2.1])  # nothing of the ladder; half at 2 R
@pytest.mark.parametrize("side", list(Side))
def test_the_order_of_one_closes_events_changes_nothing(side: Side, moved: float, prediction: float) -> None:
    """Book, tick, candle and forecast of the close that ends the horizon, in each of their orders."""
    price = 100 + moved * side.sign

    def outcome(order: tuple[str, ...]) -> tuple[object, ...]:
        scene = holding(side)
        scene.wait(scene.plan().horizon_end_ms - scene.now_ms)
        scene.price(100 + moved * 0.9 * side.sign)
        rows: list[DecisionRecord] = []
        for event in order:
            match event:
                case "book":
                    scene.price(price)
                case "tick":
                    scene.tick()
                case "candle":
                    scene.candle(price)
                case _:
                    rows.append(scene.forecast(prediction * side.sign))
        scene.oblige()
        [row] = rows
        horizon = scene.plan().horizon_end_ms if scene.has_plan() else None
        stop = scene.plan().stop_price if scene.has_plan() else None
        return row.verdict, told(row), scene.held(), horizon, stop

    first, *others = {outcome(order) for order in permutations(("book", "tick", "candle", "forecast"))}
    assert others == [], first


# --- on the way in or out ---------------------------------------------------------------------------------


def test_nothing_is_judged_while_an_exit_is_under_way() -> None:
    scene = holding()
    scene.command(CommandName.FLATTEN)
    record = scene.forecast(-0.02)
    assert (record.verdict, told(record)) == (Verdict.HOLD, ("exit under way",))
    assert len(sent(scene.seen, Purpose.EXIT)) == 0


def test_a_position_that_is_still_being_bought_is_judged_like_any_other() -> None:
    scene = a_scene({"execution": {"algorithm": "twap"}})
    scene.forecast()
    scene.live_on(MINUTE_MS)
    assert told(scene.forecast(0.02)) == HOLDS
    scene.live_on(MINUTE_MS)
    bought = len(sent(scene.seen, Purpose.ENTRY))
    assert bought < 8
    assert scene.forecast(-0.02).verdict is Verdict.EXIT  # and no longer bought
    scene.live_on(5 * MINUTE_MS)
    assert len(sent(scene.seen, Purpose.ENTRY)) == bought
    assert scene.held() == 0


def test_what_somebody_else_bought_waits_for_the_entry_to_end() -> None:
    """A limit order rests as a position turns up that nobody planned: the order's cancel has no answer yet."""
    scene = a_scene({"execution": {"algorithm": "limit"}}, perpetual=True)
    scene.forecast()
    scene.oblige()
    for _ in range(2):
        scene.reconcile(positions=[Position(PERPETUAL, Decimal(-3), Decimal(100), scene.now_ms)])
    scene.wait(MINUTE_MS)
    record = scene.forecast()
    assert (record.verdict, told(record), record.side) == (Verdict.HOLD, ("entry under way",), Side.SELL)


def test_what_was_bought_after_all_stays_protected() -> None:
    """An entry order whose fill comes after the exit it lost against: what it bought has a plan and a stop."""
    scene = a_scene({"execution": {"algorithm": "twap"}})
    scene.forecast()
    scene.live_on(MINUTE_MS)
    scene.wait(MINUTE_MS)  # another slice is on its way
    late = sent(scene.seen, Purpose.ENTRY)[-1]
    scene.forecast(-0.02)
    scene.oblige()
    assert scene.held() == late.quantity
    assert [quantity for quantity, _ in scene.stops()] == [late.quantity]
    assert scene.has_plan()


def of_another_model(scene: Scene) -> DecisionRecord:
    return scene.forecast(-0.02, model_id="model-0")


def without_inputs(scene: Scene) -> DecisionRecord:
    return scene.forecast(-0.02, missing=("leader",))


def before_a_model(scene: Scene) -> DecisionRecord:
    scene.restart(has_model=False)
    scene.reconcile(is_startup=True)
    return scene.forecast(-0.02)


def before_a_book(scene: Scene) -> DecisionRecord:
    scene.restart(has_books=False)
    scene.reconcile(is_startup=True)
    return scene.forecast(-0.02)


UNUSED: dict[str, tuple[Callable[[Scene], DecisionRecord], str]] = {
    "its inputs are missing": (without_inputs, "no forecast: leader missing"),
    "of another model": (of_another_model, "forecast of model-0, the model is model-1 now"),
    "no model yet": (before_a_model, "no model"),
    "no book yet": (before_a_book, "no book yet"),
}


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL, None], ids=["long", "short", "flat"])
@pytest.mark.parametrize("close", UNUSED)
def test_a_forecast_that_cannot_be_used_holds_what_is_held(close: str, side: Side | None) -> None:
    """The row says so, and why it was not used; without a position there is nothing to hold."""
    scene = a_scene() if side is None else holding(side)
    forecast, reason = UNUSED[close]
    record = forecast(scene)
    assert (record.verdict, told(record)) == (Verdict.SKIP if side is None else Verdict.HOLD, (reason,))
    assert record.side == side
    assert not scene.is_leaving()


def test_each_position_is_judged_by_its_own_forecast() -> None:
    scene = a_scene(instruments=coins("BTC", "XRP"))
    scene.enter(symbol="BTC/USDT")
    scene.enter(symbol="XRP/USDT")
    scene.wait(MINUTE_MS)
    assert scene.forecast(-0.02, "BTC/USDT").verdict is Verdict.EXIT
    assert scene.forecast(0.02, "XRP/USDT").verdict is Verdict.HOLD
    scene.oblige()
    assert scene.held("BTC/USDT") == 0
    assert scene.held("XRP/USDT") > 0


# --- what is remembered -----------------------------------------------------------------------------------


def test_after_a_restart_a_candle_is_not_decided_again_and_the_next_one_is() -> None:
    scene = holding()
    scene.forecast(0.02)
    scene.restart()
    scene.reconcile(is_startup=True)
    assert scene.heard_forecast(-0.02) == []
    scene.wait(MINUTE_MS)
    assert scene.forecast(-0.02).verdict is Verdict.EXIT


def test_the_regime_survives_a_restart() -> None:
    """ADX 24 is a trend only for somebody who saw it above 25: the regime was written down."""
    scene = a_scene()
    assert scene.forecast(0.0, context=a_context(adx=26.0, close=103.0)).regime == "bull_trend"
    scene.restart()
    scene.wait(MINUTE_MS)
    assert scene.forecast(0.0, context=a_context(adx=24.0, close=103.0)).regime == "bull_trend"


def test_an_entry_under_way_survives_a_restart_with_its_plan() -> None:
    """The rest of a sliced entry is bought after it, and the plan is the one that was decided."""
    scene = a_scene({"execution": {"algorithm": "twap"}})
    record = scene.forecast()
    [first] = sent(scene.seen)
    scene.restart()
    scene.report(first.client_id, OrderStatus.OPEN)
    scene.fill(first.client_id)
    scene.reconcile(is_startup=True)
    assert scene.plan().decision_id == record.decision_id
    assert scene.plan().horizon_end_ms == scene.now_ms + 16 * MINUTE_MS
    scene.wait(MINUTE_MS)
    assert len(of(scene.seen, SubmitOrder)) > 2


def test_an_entry_whose_position_was_stopped_out_while_nobody_ran_does_not_go_on() -> None:
    scene = a_scene({"execution": {"algorithm": "twap"}})
    scene.forecast()
    scene.live_on(MINUTE_MS)
    bought = len(sent(scene.seen, Purpose.ENTRY))
    stop = next(order for order in scene.resting() if order.purpose is Purpose.STOP)
    scene.restart()
    scene.fill(stop.client_id, price=99.0)
    scene.reconcile(is_startup=True)
    scene.live_on(6 * MINUTE_MS)
    assert len(sent(scene.seen, Purpose.ENTRY)) == bought
    assert (scene.held() == 0, scene.engine.state.positions.tickets) == (True, {})


def test_an_entry_that_ended_is_forgotten() -> None:
    """After a restart the symbol is free again: the ticket was taken back."""
    scene = a_scene()
    scene.forecast()
    for _ in range(5):
        scene.report(sent(scene.seen)[-1].client_id, OrderStatus.CANCELED)
        scene.wait(1_000)
    scene.restart()
    scene.reconcile(is_startup=True)
    scene.tick()
    scene.wait(MINUTE_MS)
    assert scene.forecast().verdict is Verdict.ENTER


def test_a_closed_position_leaves_no_plan_behind() -> None:
    scene = holding()
    scene.forecast(-0.02)
    scene.oblige()
    assert not scene.has_plan()
    scene.restart()
    assert not scene.has_plan()


def test_decisions_and_entries_are_counted() -> None:
    scene = holding()
    scene.forecast(-0.02)
    scene.oblige()
    scene.wait(MINUTE_MS)
    scene.enter()
    assert scene.counted("decisions", "entries") == (3, 2)
