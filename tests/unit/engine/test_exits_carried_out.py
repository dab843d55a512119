"""How an exit that was asked for gets done: slices, tries, waiting, and what interrupts what."""

from decimal import Decimal

import pytest

from tests.kit.builders import SYMBOL, an_instrument
from tests.kit.situations import HOUR_MS, MINUTE_MS, Scene, a_scene, coins, notices, of, sent, told, total
from trader.domain.decisions import (
    CancelOrder,
    Decision,
    Level,
    Notify,
    RecordExecution,
    RecordTrade,
    RequestReconcile,
    SubmitOrder,
)
from trader.domain.events import CommandName, OrderAbsent, OrderRefused
from trader.domain.orders import OrderStatus, Purpose, Side
from trader.domain.refusals import RefusalCode
from trader.domain.signals import Verdict
from trader.service.control.snapshot import snapshot


def holding(side: Side = Side.BUY, *, speed: float = 1.0, **settings: object) -> Scene:
    scene = a_scene(settings, perpetual=side is Side.SELL, speed=speed)
    scene.enter(0.02 * side.sign)
    scene.wait(MINUTE_MS)
    return scene


def flattening(side: Side = Side.BUY, *, speed: float = 1.0) -> tuple[Scene, list[Decision]]:
    """A person asked to close the position; on spot the exchange has taken the stop off for it."""
    scene = holding(side, speed=speed)
    decided = scene.command(CommandName.FLATTEN)
    take_off(scene, decided)
    return scene, decided


def take_off(scene: Scene, decided: list[Decision]) -> None:
    """The exchange cancels what new orders take the place of."""
    for submit in of(decided, SubmitOrder):
        if submit.replaces is not None:
            scene.report(submit.replaces.client_id, OrderStatus.CANCELED)


def selling_in_slices(side: Side = Side.BUY) -> Scene:
    """24.9 coins are to be sold in three parts, half a minute apart; the first is sold."""
    scene = holding(side)
    scene.price(100.0, size=2.0, tick=0.10)
    scene.heard_forecast(-0.02 * side.sign)
    scene.wait(1)  # the exchange takes its time
    scene.oblige()
    return scene


def messages(decisions: list[Decision], event: str) -> list[str]:
    return [notice.message for notice in of(decisions, Notify) if notice.event == event]


# --- slices -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tick", "slices"),
    [
        (0.01, 1),
        (0.085, 1),  # 48.8 bp on average: below the impact that is split
        (0.10, 3),  # 57.4 bp: parts of about half the impact that goes to market
        (0.20, 5),  # 115 bp
        (0.60, 10),  # 344 bp would need 14: at most ten
    ],
)
def test_a_patient_exit_is_split_by_its_impact(tick: float, slices: int) -> None:
    scene = holding()
    held = scene.held()
    scene.price(100.0, size=2.0, tick=tick)
    decided = scene.heard_forecast(-0.02)
    how = f" in {slices} slices" if slices > 1 else ""
    assert messages(decided, "exit.asked") == [f"signal turned: {held}{how}"]
    decided += scene.oblige()
    first = sent(decided, Purpose.EXIT)[0]
    assert first.quantity == scene.instruments[SYMBOL].round_quantity(held / slices)


def test_a_book_that_does_not_hold_it_all_is_the_thinnest() -> None:
    scene = holding()
    scene.price(100.0, size=1.0)
    assert messages(scene.heard_forecast(-0.02), "exit.asked") == [f"signal turned: {scene.held()} in 10 slices"]


def test_slices_are_never_below_the_exchanges_minimum() -> None:
    """24.9 coins in parts of at least 700 USDT: three of them, not ten."""
    scene = a_scene(instruments=[an_instrument(min_notional="700")])
    scene.enter()
    scene.wait(MINUTE_MS)
    scene.price(100.0, size=1.0)
    assert messages(scene.heard_forecast(-0.02), "exit.asked") == [f"signal turned: {scene.held()} in 3 slices"]


def test_a_short_is_bought_back_by_the_asks() -> None:
    """The book is thin only where it is sold to."""
    scene = holding(Side.SELL)
    scene.price(100.0, size=2.0, tick=0.1)
    asked = messages(scene.heard_forecast(0.02), "exit.asked")
    assert asked == [f"signal turned: {-scene.held()} in 3 slices"]


def test_slices_follow_each_other_every_half_minute_and_end_with_everything() -> None:
    scene = selling_in_slices()
    [first] = sent(scene.seen, Purpose.EXIT)
    held = scene.held() + first.quantity
    began = scene.now_ms
    times = [began]
    while scene.held():
        count = len(sent(scene.seen, Purpose.EXIT))
        scene.live_on(1_000)
        if len(sent(scene.seen, Purpose.EXIT)) > count:
            times.append(scene.now_ms)
    exits = sent(scene.seen, Purpose.EXIT)
    parts = [Decimal("8.30550"), Decimal("8.30550"), Decimal("8.30551")]
    assert [order.quantity for order in exits] == parts
    assert sum(parts) == held
    assert [time - began for time in times] == [0, 30_000, 60_000]
    assert [trade.trade.reason for trade in of(scene.seen, RecordTrade)] == ["signal turned"]
    assert not scene.is_leaving()


@pytest.mark.parametrize("side", list(Side))
def test_what_waits_to_be_sold_stays_protected(side: Side) -> None:
    scene = selling_in_slices(side)
    assert 0 < abs(scene.held()) < 20
    assert [quantity for quantity, _ in scene.stops()] == [abs(scene.held())]
    scene.live_on(29_000)
    assert [quantity for quantity, _ in scene.stops()] == [abs(scene.held())]


def test_each_slice_moves_the_stop_once_to_what_it_leaves() -> None:
    """Neither the slice's own fill nor its end moves it: it covers what is left already."""
    scene = holding()
    scene.price(100.0, size=2.0, tick=0.10)
    decided = scene.heard_forecast(-0.02)
    for _ in range(2):
        [smaller] = of(decided, SubmitOrder)
        assert smaller.approved.intent.purpose is Purpose.STOP
        take_off(scene, decided)
        [piece] = sent(scene.report(smaller.approved.intent.client_id, OrderStatus.OPEN))
        assert scene.stops() == [(scene.held() - piece.quantity, Decimal("99.01"))]
        assert sent(scene.fill(piece.client_id)) == []
        assert [quantity for quantity, _ in scene.stops()] == [scene.held()]
        decided = [*scene.wait(30_000), *scene.tick()]
    [last] = of(decided, SubmitOrder)  # the rest takes the place of the stop
    assert (last.approved.intent.purpose, last.approved.intent.quantity) == (Purpose.EXIT, scene.held())
    take_off(scene, decided)
    assert sent(scene.fill(last.approved.intent.client_id)) == []
    assert scene.held() == 0
    assert scene.stops() == []


@pytest.mark.parametrize("gets", [Decimal(1), Decimal("0.4")])
def test_the_end_of_a_partial_exit_leaves_the_stop_where_it_shrank_to(gets: Decimal) -> None:
    """What the exit did not get is covered by its next try, five seconds later, and by the stop until then."""
    scene = holding(execution={"market_tries": 1}, risk={"partial_frac": 0.3})
    decided = scene.price(102.2)
    [smaller] = of(decided, SubmitOrder)
    take_off(scene, decided)
    [part] = sent(scene.report(smaller.approved.intent.client_id, OrderStatus.OPEN))
    decided = scene.fill(part.client_id, scene.instruments[SYMBOL].round_quantity(part.quantity * gets))
    assert total(sent(decided, Purpose.STOP)) == (0 if gets == 1 else scene.held())
    scene.oblige()
    assert [quantity for quantity, _ in scene.stops()] == [scene.held()]


def test_between_slices_a_stop_sells_the_rest_at_once() -> None:
    scene = selling_in_slices()
    left = scene.held()
    decided = scene.price(98.9, size=2.0, tick=0.10)
    assert messages(decided, "exit.asked") == [f"stop: {left}"]
    assert [order.quantity for order in sent(decided, Purpose.EXIT)] == [left]


def test_a_stop_while_a_slice_is_being_sold_lets_the_rest_follow_without_waiting() -> None:
    scene = holding()
    held = scene.held()
    scene.price(100.0, size=2.0, tick=0.10)
    scene.heard_forecast(-0.02)
    *_, smaller = of(scene.seen, SubmitOrder)
    assert smaller.replaces is not None
    scene.report(smaller.replaces.client_id, OrderStatus.CANCELED)
    scene.report(smaller.approved.intent.client_id, OrderStatus.OPEN)  # the smaller stop rests: the slice is sent
    [piece] = sent(scene.seen, Purpose.EXIT)
    scene.price(98.9)
    scene.wait(1)
    decided = [*scene.fill(piece.client_id), *scene.oblige()]
    scene.tick()
    assert total(sent(decided, Purpose.EXIT)) == held - piece.quantity
    assert scene.held() == 0
    assert scene.now_ms == scene.equity.ts_ms
    assert [trade.trade.reason for trade in of(scene.seen, RecordTrade)] == ["stop"]


def test_a_person_overtakes_a_patient_exit() -> None:
    scene = selling_in_slices()
    left = scene.held()
    scene.command(CommandName.FLATTEN)
    scene.oblige()
    assert sent(scene.seen, Purpose.FLATTEN)[-1].quantity == left
    assert scene.held() == 0


def test_a_second_wish_for_no_more_than_is_leaving_already_changes_nothing() -> None:
    scene = holding()
    scene.command(CommandName.FLATTEN)
    decided = scene.command(CommandName.FLATTEN)
    assert messages(decided, "exit.asked") == []
    assert sent(decided) == []


# --- tries ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "prices"),
    [
        # 0.3 % further through the touch with each try
        (Side.BUY, ["99.70", "99.40", "99.10", "98.80", "98.50"]),
        (Side.SELL, ["100.31", "100.61", "100.91", "101.21", "101.51"]),
    ],
)
def test_what_was_not_sold_is_tried_again_each_time_further_through_the_book(side: Side, prices: list[str]) -> None:
    scene, _ = flattening(side)
    for _ in range(5):
        order = sent(scene.seen, Purpose.FLATTEN)[-1]
        scene.report(order.client_id, OrderStatus.CANCELED)
        scene.wait(1_000)
    assert [str(order.price) for order in sent(scene.seen, Purpose.FLATTEN)] == prices


def unsold_try(scene: Scene) -> list[Decision]:
    """One round of five orders of an exit that get nothing."""
    decided: list[Decision] = []
    count = len(sent(scene.seen, Purpose.FLATTEN))
    for tried in range(5):
        order = sent(scene.seen, Purpose.FLATTEN)[count - 1 + tried]
        decided += scene.report(order.client_id, OrderStatus.CANCELED)
        if tried < 4:
            decided += scene.wait(1_000)
    return decided


def test_an_exit_that_sells_nothing_is_tried_eight_times_and_a_person_is_told_louder() -> None:
    scene, _ = flattening()
    held = scene.held()
    for attempt in range(1, 9):
        decided = unsold_try(scene)
        [notice] = [n for n in of(decided, Notify) if n.event == "exit.incomplete"]
        assert notice.message == f"{held} of {held} left after try {attempt}"
        assert notice.level is (Level.ALERT if attempt >= 3 else Level.WARNING)
        [stop] = sent(decided, Purpose.STOP)  # what is held is protected in between
        assert stop.quantity == held
        scene.report(stop.client_id, OrderStatus.OPEN)
        count = len(sent(scene.seen, Purpose.FLATTEN))
        scene.wait(4_999)
        assert len(sent(scene.seen, Purpose.FLATTEN)) == count
        take_off(scene, scene.wait(1))
        assert len(sent(scene.seen, Purpose.FLATTEN)) == count + (attempt < 8)
    assert not scene.is_leaving()


def test_what_is_left_of_a_try_is_what_the_next_one_sells() -> None:
    scene, decided = flattening()
    held = scene.held()
    [order] = sent(decided, Purpose.FLATTEN)
    scene.fill(order.client_id, "4")
    for _ in range(4):
        scene.wait(1_000)
        order = sent(scene.seen, Purpose.FLATTEN)[-1]
        assert order.quantity == held - 4
        scene.report(order.client_id, OrderStatus.CANCELED)
    assert messages(scene.seen, "exit.incomplete") == [f"{held - 4} of {held} left after try 1"]
    scene.report(sent(scene.seen, Purpose.STOP)[-1].client_id, OrderStatus.OPEN)
    scene.wait(5_000)
    assert sent(scene.seen, Purpose.FLATTEN)[-1].quantity == held - 4


def test_a_rest_too_small_to_sell_is_no_try() -> None:
    """The exit sells all but 0.04 coins (4 USDT, at least 5): nothing more can be done, so it is over."""
    scene, decided = flattening()
    [order] = sent(decided, Purpose.FLATTEN)
    scene.fill(order.client_id, order.quantity - Decimal("0.04"))
    assert not scene.is_leaving()
    assert messages(scene.seen, "exit.incomplete") == []
    assert scene.held() == 0  # dust counts as flat
    assert [trade.trade.reason for trade in of(scene.seen, RecordTrade)] == ["flatten"]


# --- an exchange that does not even look --------------------------------------------------------------------


def turned_away(scene: Scene, code: RefusalCode) -> list[Decision]:
    """Three orders of an exit in a row come back unlooked at."""
    decided: list[Decision] = []
    for tried in range(3):
        order = sent(scene.seen, Purpose.FLATTEN)[-1]
        decided += scene.hear(OrderRefused(client_id=order.client_id, code=code, reason="later"))
        if tried < 2:
            decided += scene.wait(1_000)
    return decided


@pytest.mark.parametrize("speed", [1.0, 10.0])
@pytest.mark.parametrize(
    "code", [RefusalCode.NOT_SENT, RefusalCode.RATE_LIMITED, RefusalCode.MAINTENANCE, RefusalCode.REFUSED]
)
def test_an_exit_the_exchange_did_not_look_at_waits_longer_each_time_and_is_never_given_up(
    code: RefusalCode, speed: float
) -> None:
    scene, _ = flattening(speed=speed)
    held = scene.held()
    levels = []
    for waits in range(1, 11):
        decided = turned_away(scene, code)
        levels += [notice.level for notice in of(decided, Notify) if notice.event == "exit.waiting"]
        texts = messages(decided, "exit.waiting")
        assert texts == ([f"{held} to close, try {waits}: {code}: later"] if waits in (1, 2, 4, 8) else [])
        assert of(decided, RequestReconcile) == []  # it says nothing about the position
        for stop in sent(decided, Purpose.STOP):
            scene.report(stop.client_id, OrderStatus.OPEN)
        wait_ms = round(min(5_000, 250 * 2**waits) * speed)
        count = len(sent(scene.seen, Purpose.FLATTEN))
        scene.wait(wait_ms - 1)
        assert len(sent(scene.seen, Purpose.FLATTEN)) == count
        take_off(scene, scene.wait(1))
        assert len(sent(scene.seen, Purpose.FLATTEN)) == count + 1
    assert levels == [Level.WARNING, Level.WARNING, Level.ALERT, Level.ALERT]
    scene.oblige()
    assert scene.held() == 0


def test_a_refused_exit_is_no_waiting_and_asks_for_the_truth() -> None:
    scene, decided = flattening()
    [order] = sent(decided, Purpose.FLATTEN)
    decided = scene.hear(
        OrderRefused(client_id=order.client_id, code=RefusalCode.INSUFFICIENT_FUNDS, reason="no coins")
    )
    assert [asked.reason for asked in of(decided, RequestReconcile)] == [
        "an exit was refused: there may be nothing left to close"
    ]
    scene.wait(1_000)
    assert messages(scene.seen, "exit.waiting") == []


def test_a_refused_entry_asks_for_nothing() -> None:
    scene = a_scene()
    scene.forecast()
    [order] = sent(scene.seen)
    decided = scene.hear(OrderRefused(client_id=order.client_id, code=RefusalCode.INSUFFICIENT_FUNDS, reason="no cash"))
    assert of(decided, RequestReconcile) == []


def test_an_exit_order_that_never_arrived_is_sent_again_under_another_name() -> None:
    scene, decided = flattening()
    [order] = sent(decided, Purpose.FLATTEN)
    scene.hear(OrderAbsent(client_id=order.client_id, evidence="not found"))
    scene.wait(1_000)
    again = sent(scene.seen, Purpose.FLATTEN)[-1]
    assert again.client_id != order.client_id
    assert again.quantity == order.quantity


# --- entries and exits ------------------------------------------------------------------------------------


def test_leaving_ends_the_buying() -> None:
    """A limit order of the entry still rests when the position is left: it is cancelled."""
    scene = a_scene({"execution": {"algorithm": "limit"}})
    scene.forecast()
    [entry] = sent(scene.seen)
    scene.report(entry.client_id, OrderStatus.OPEN)
    scene.fill(entry.client_id, "5", ends=OrderStatus.PARTIALLY_FILLED)
    decided = scene.price(98.0)
    assert [cancel.ref.client_id for cancel in of(decided, CancelOrder)] == [entry.client_id]
    scene.oblige()
    scene.wait(HOUR_MS)
    assert len(sent(scene.seen, Purpose.ENTRY)) == 1


def test_being_stopped_out_ends_the_buying() -> None:
    scene = a_scene({"execution": {"algorithm": "limit"}})
    scene.forecast()
    [entry] = sent(scene.seen)
    scene.report(entry.client_id, OrderStatus.OPEN)
    scene.fill(entry.client_id, "5", ends=OrderStatus.PARTIALLY_FILLED)
    [stop] = sent(scene.seen, Purpose.STOP)
    scene.report(stop.client_id, OrderStatus.OPEN)
    decided = scene.fill(stop.client_id, price=99.0)
    assert [cancel.ref.client_id for cancel in of(decided, CancelOrder)] == [entry.client_id]
    scene.oblige()
    assert scene.held() == 0


def test_leaving_one_coin_goes_on_buying_another() -> None:
    scene = a_scene({"execution": {"algorithm": "limit"}}, instruments=coins("BTC", "XRP"))
    for symbol in scene.instruments:
        scene.forecast(symbol=symbol)
        scene.report(sent(scene.seen, Purpose.ENTRY)[-1].client_id, OrderStatus.OPEN)
    first, second = sent(scene.seen, Purpose.ENTRY)
    scene.fill(first.client_id, "5", ends=OrderStatus.PARTIALLY_FILLED)
    decided = scene.price(98.0, "BTC/USDT")
    assert [cancel.ref.client_id for cancel in of(decided, CancelOrder)] == [first.client_id]
    assert scene.order(second.client_id).status is OrderStatus.OPEN


# --- restart ----------------------------------------------------------------------------------------------


def test_an_exit_goes_on_after_a_restart_and_nothing_is_sent_before_the_account_is_known() -> None:
    scene, decided = flattening()
    held = scene.held()
    [order] = sent(decided, Purpose.FLATTEN)
    scene.restart()
    before = len(sent(scene.seen))
    scene.tick()
    scene.price(97.0)
    scene.wait(MINUTE_MS)
    assert len(sent(scene.seen)) == before
    assert scene.is_leaving()
    scene.hear(OrderAbsent(client_id=order.client_id, evidence="not found"))
    scene.reconcile(is_startup=True)
    scene.live_on(5_000)
    assert sent(scene.seen, Purpose.FLATTEN)[-1].quantity == held
    assert scene.held() == 0


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("gets", [Decimal(1), Decimal("0.4")])
def test_what_an_exit_sold_while_nobody_was_there_is_not_sold_again(side: Side, gets: Decimal) -> None:
    """The daemon ends while a third is on its way; the next start hears of the fill before it may send anything."""
    scene = holding(side, execution={"market_tries": 1}, risk={"partial_frac": 0.3})
    held = abs(scene.held())
    scene.price(100.0 + 2.2 * side.sign)
    scene.answer_next()  # the stop follows the plan
    [part] = sent(scene.seen, Purpose.EXIT)
    scene.restart()
    scene.price(100.0 + 1.5 * side.sign)  # short of the target of the rest
    filled = scene.instruments[scene.symbol].round_quantity(part.quantity * gets)
    scene.fill(part.client_id, filled)
    scene.reconcile(is_startup=True)
    scene.live_on(10_000)
    assert total(sent(scene.seen, Purpose.EXIT)) == part.quantity + (part.quantity - filled)
    assert abs(scene.held()) == held - part.quantity
    assert [quantity for quantity, _ in scene.stops()] == [abs(scene.held())]


def test_a_sliced_exit_keeps_its_rhythm_over_a_restart() -> None:
    scene = selling_in_slices()
    left = scene.held()
    scene.wait(10_000)
    scene.restart()
    scene.reconcile(is_startup=True)
    scene.oblige()
    scene.wait(19_999)
    assert len(sent(scene.seen, Purpose.EXIT)) == 1
    scene.live_on(1_000)
    assert len(sent(scene.seen, Purpose.EXIT)) == 2
    assert scene.held() < left


# --- the analysis -----------------------------------------------------------------------------------------


def test_every_parent_order_leaves_its_cost_analysis() -> None:
    scene, _ = flattening()
    scene.oblige()
    entry, exit_ = [decision.report for decision in of(scene.seen, RecordExecution)]
    assert (entry.purpose, entry.side, entry.algorithm, entry.orders) == ("entry", "buy", "market", 1)
    assert (exit_.purpose, exit_.side, exit_.filled) == ("flatten", "sell", entry.filled)
    assert entry.slippage_bps == pytest.approx(1.0)  # half the spread of 2 bp
    assert exit_.slippage_bps == pytest.approx(1.0)
    assert float(entry.fees_quote) == pytest.approx(0.001 * float(entry.filled) * 100.01)
    assert (exit_.started_ms, exit_.ended_ms) == (scene.now_ms, scene.now_ms)


def test_a_new_position_begins_with_a_clean_slate() -> None:
    scene, _ = flattening()
    scene.oblige()
    scene.wait(MINUTE_MS)
    record = scene.forecast()
    assert record.verdict is Verdict.ENTER, told(record)
    scene.oblige()
    assert notices(scene.tick(), Level.WARNING) == []
    assert [quantity for quantity, _ in scene.stops()] == [scene.held()]


def test_a_position_too_small_to_be_sold_becomes_dust_once_its_exit_is_due() -> None:
    """An entry got 3 USDT worth, the exchange takes no order below 5: it must neither block nor ask for ever."""
    scene = a_scene({"execution": {"market_tries": 1}})
    scene.forecast()
    [entry] = sent(scene.seen)
    scene.fill(entry.client_id, "0.03")  # and ends with it
    assert scene.held() == Decimal("0.03")
    decided = scene.price(98.0)
    [trade] = of(decided, RecordTrade)
    assert (trade.trade.reason, trade.trade.quantity) == ("dust", Decimal("0.03"))
    assert [text for text in notices(decided) if "dust" in text] != []
    assert (scene.held(), scene.has_plan(), scene.is_leaving(), scene.stops()) == (Decimal(0), False, False, [])
    assert dict(scene.engine.state.account.ledger.dust) == {"BTC": Decimal("0.03")}
    scene.wait(MINUTE_MS)
    assert notices(scene.price(97.0)) == []
    state = scene.engine.state
    status = snapshot(scene.settings, state, started_ms=0, market_ms=scene.now_ms, events=0, errors=0)
    [dust] = status.dust
    assert (dust.currency, dust.quantity) == ("BTC", "0.03")
    assert dust.value_quote == pytest.approx(0.03 * 97.0, rel=1e-3)
    scene.restart()
    assert dict(scene.engine.state.account.ledger.dust) == {"BTC": Decimal("0.03")}
    assert scene.held() == 0


def test_what_the_stop_sold_meanwhile_is_not_tried_again() -> None:
    """The price passes the stop: the exchange sells by it before our exit, which replaces it, arrives."""
    scene = holding()
    stop = next(order for order in scene.resting() if order.purpose is Purpose.STOP)
    scene.seen.clear()
    scene.price(90.0)
    [exit_] = sent(scene.seen, Purpose.EXIT)
    scene.fill(stop.client_id, price=stop.stop_price)
    assert scene.is_leaving()  # until the fate of the exit is known
    refused = RefusalCode.UNKNOWN_ORDER
    scene.hear(OrderRefused(client_id=exit_.client_id, code=refused, reason="no open order to replace"))
    assert not scene.is_leaving()
    scene.wait(MINUTE_MS)
    scene.tick()
    assert sent(scene.seen, Purpose.EXIT) == [exit_]
    assert messages(scene.seen, "order.refused") == []
    assert scene.held() == 0


def test_dust_is_sold_with_the_next_position() -> None:
    scene = a_scene({"execution": {"market_tries": 1}})
    scene.forecast()
    [entry] = sent(scene.seen)
    scene.fill(entry.client_id, "0.03")
    scene.price(98.0)
    scene.wait(MINUTE_MS)
    scene.price(100.0)
    scene.command(CommandName.RESUME)
    scene.seen.clear()
    scene.forecast()
    [entry] = sent(scene.seen)
    scene.fill(entry.client_id, str(entry.quantity))
    assert scene.engine.state.account.ledger.dust == {}
    assert scene.held() == entry.quantity + Decimal("0.03")
    [(quantity, _)] = scene.stops()
    assert quantity == scene.held()


def test_what_may_still_be_bought_is_not_written_off() -> None:
    scene = a_scene()
    scene.forecast()
    [entry] = sent(scene.seen)
    scene.fill(entry.client_id, "0.03", ends=OrderStatus.PARTIALLY_FILLED)
    scene.price(98.0)  # the exit is due while the entry has not ended
    assert scene.held() == Decimal("0.03")
    scene.fill(entry.client_id, "0.07")  # and ends with it
    scene.price(97.9)
    assert scene.is_leaving()
    assert scene.engine.state.account.ledger.dust == {}
