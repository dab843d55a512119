"""The hedge in the engine: when it is opened and closed, what guards it, what it leaves alone."""

import math
from collections.abc import Mapping
from decimal import Decimal

import pytest

from tests.kit.builders import a_model
from tests.kit.situations import MINUTE_MS, Scene, a_scene, coins, notices, of, sent, stream, told
from trader.domain import decisions as d
from trader.domain.closing import CloseReason
from trader.domain.decisions import Decision, TradingState
from trader.domain.events import CommandName, StreamState
from trader.domain.orders import OrderStatus, Purpose, Side
from trader.domain.overrides import Stance
from trader.service.control.snapshot import snapshot
from trader.service.control.status import HedgeStatus, StatusSnapshot

BTC, ETH, SOL = "BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT"
BETAS = {BTC: 1.0, ETH: 3.0, SOL: 3.0}


def a_market(
    risk: Mapping[str, object] | None = None,
    *,
    betas: Mapping[str, float] | None = None,
    exchange: Mapping[str, object] | None = None,
    quote: str = "10000",
) -> Scene:
    """Three perpetuals at 100 whose betas are known; nothing is held."""
    scene = a_scene(
        {
            "exchange": {"symbols": [BTC, ETH, SOL], **(exchange or {})},
            "sizing": {"rule": "fixed", "fixed_frac": 0.1},
            "risk": {"correlated_exposure_frac": 1.0, **(risk or {})},
        },
        instruments=coins("BTC", "ETH", "SOL", perpetual=True),
        perpetual=True,
        model=a_model(horizon_candles=2_000),
        quote=quote,
    )
    move(scene, betas or BETAS)
    return scene


def move(scene: Scene, betas: Mapping[str, float], candles: int = 40) -> list[Decision]:
    """Candles of all symbols whose returns are exactly `betas` times the leader's."""
    decided: list[Decision] = []
    logs = dict.fromkeys(betas, math.log(100.0))
    for at in range(candles):
        scene.wait(MINUTE_MS)
        step = 0.0005 * (1 + at % 3) * (-1) ** at
        for symbol in sorted(betas, reverse=True):  # the leader last: it measures what has come
            logs[symbol] += betas[symbol] * step
            decided += scene.candle(math.exp(logs[symbol]), symbol)
    return decided


def a_hedged(risk: Mapping[str, object] | None = None, *, exchange: Mapping[str, object] | None = None) -> Scene:
    """Two longs of a quarter of equity each with beta 3: 1.5 in all, and the hedge that follows."""
    scene = a_market(risk, exchange=exchange)
    scene.enter(symbol=ETH)
    scene.enter(symbol=SOL)
    assert hedges(scene) < 0
    return scene


def hedges(scene: Scene, symbol: str = BTC) -> Decimal:
    """What is held as the hedge, base."""
    return scene.held(symbol) if scene.has_plan(symbol) and scene.plan(symbol).strategy_id == "hedge" else Decimal(0)


def leave(scene: Scene, symbol: str) -> list[Decision]:
    """A position is closed by the forecast of the other side."""
    scene.wait(MINUTE_MS)
    decided = scene.heard_forecast(-0.02, symbol)
    return [*decided, *scene.oblige(), *scene.tick(), *scene.oblige()]


# --- opened ---------------------------------------------------------------------------------------------------


def test_a_portfolio_that_moves_much_more_than_the_leader_is_hedged_with_a_fifth_of_it() -> None:
    """Two quarters of 10,000 of beta 3: 1.5. Fees of 1.25 and half spreads of 0.25 leave 9,997.0; a fifth of it at the
    dearest price a sale asks, 99.99 x 1.0005, is 19.986 on the step.
    """
    scene = a_market()
    scene.enter(symbol=ETH)
    assert scene.engine.state.hedge.beta == pytest.approx(0.75, abs=0.01)
    assert not sent(scene.seen, Purpose.HEDGE)
    scene.enter(symbol=SOL)
    [intent] = sent(scene.seen, Purpose.HEDGE)
    assert (intent.symbol, intent.side, intent.reduce_only) == (BTC, Side.SELL, False)
    assert intent.quantity == Decimal("19.986")
    assert hedges(scene) == Decimal("-19.986")
    assert scene.engine.state.hedge.beta == pytest.approx(1.5, abs=0.01)  # without the hedge
    assert "hedge.asked" in notices(scene.seen)


@pytest.mark.parametrize(("above", "is_hedged"), [(1.45, True), (1.55, False)])
def test_it_is_opened_above_the_bound_only(above: float, is_hedged: bool) -> None:
    scene = a_market({"hedge_beta_above": above})
    scene.enter(symbol=ETH)
    scene.enter(symbol=SOL)
    assert bool(hedges(scene)) is is_hedged


def test_it_is_opened_at_the_leaders_close_that_measures_the_beta() -> None:
    scene = a_market(betas={BTC: 1.0, ETH: 1.0, SOL: 1.0})
    scene.enter(symbol=ETH)
    scene.enter(symbol=SOL)
    assert not hedges(scene)
    decided = move(scene, BETAS, 200)
    assert len(sent(decided, Purpose.HEDGE)) == 1


def test_between_closes_only_fills_make_it_look_again() -> None:
    """1.496 at 100 and 1.507 at 101.5: a price that has risen waits for the close."""
    scene = a_market({"hedge_beta_above": 1.5})
    scene.enter(symbol=ETH)
    scene.enter(symbol=SOL)
    for symbol in (ETH, SOL):
        scene.price(101.5, symbol)  # below the first rung
    risen = scene.tick()
    assert not sent(risen, Purpose.HEDGE)
    move(scene, BETAS, 100)
    scene.oblige()
    assert hedges(scene)


def test_nothing_is_hedged_where_it_is_switched_off() -> None:
    scene = a_market({"hedge": False})
    scene.enter(symbol=ETH)
    scene.enter(symbol=SOL)
    assert not sent(scene.seen, Purpose.HEDGE)
    assert scene.engine.state.hedge.beta == pytest.approx(1.5, abs=0.01)
    assert scene.engine.state.hedge.missing is None


def test_a_beta_that_is_not_known_opens_and_closes_nothing() -> None:
    scene = a_hedged()
    scene.restart()  # candles before are not known any more
    scene.reconcile(is_startup=True)
    scene.live_on(5_000)
    assert scene.engine.state.hedge.beta is None
    assert hedges(scene)
    assert not scene.is_leaving(BTC)


def test_no_cap_holds_it_back() -> None:
    """Exposure, risk, number of positions and the group of what moves together are used up."""
    scene = a_market({"correlated_exposure_frac": 0.5})
    scene.enter(symbol=ETH)
    scene.enter(symbol=SOL)
    assert scene.forecast(0.02, BTC).verdict != "enter"
    assert hedges(scene) == Decimal("-19.986")


def test_it_takes_no_room_from_others() -> None:
    scene = a_hedged()
    found = scene.commitments()
    assert set(found.by_symbol) == {ETH, SOL}
    assert found.hedge.net == pytest.approx(-1_998.5, abs=0.5)


def test_margin_that_is_not_there_makes_it_smaller() -> None:
    """Without leverage the two longs bind nearly half of 9,997; of what is left half a percent is not spendable."""
    scene = a_market({"hedge_frac": 0.5, "hedge_beta_above": 1.4}, exchange={"leverage": 1})
    scene.enter(symbol=ETH)
    scene.enter(symbol=SOL)
    bound = sum(each.notional for each in scene.commitments().by_symbol.values())
    [intent] = sent(scene.seen, Purpose.HEDGE)
    value, equity = float(intent.quantity) * 100.04, 9_997.0
    assert value * 1.0005 == pytest.approx(0.995 * (equity - bound), abs=0.5)
    assert value < 0.5 * equity - 5


LOSS_OF_TWO_ENTRIES = 0.0003  # of equity: fee and half a spread of two quarters; half of it is that of the first


@pytest.mark.parametrize(
    ("limit", "state"), [("daily_loss_frac", TradingState.REDUCING), ("drawdown_frac", TradingState.HALTED)]
)
def test_reducing_is_no_reason_against_it_and_halted_is(limit: str, state: TradingState) -> None:
    scene = a_market({limit: LOSS_OF_TWO_ENTRIES * 0.7})
    scene.enter(symbol=ETH)
    scene.enter(symbol=SOL)
    assert scene.trading()[0] is state
    assert bool(hedges(scene)) is (state is TradingState.REDUCING)
    assert ("hedge.missing" in notices(scene.seen)) is (state is TradingState.HALTED)


def test_a_paused_daemon_hedges_and_a_stopping_one_does_not() -> None:
    paused, stopping = a_market({"hedge_beta_above": 1.0}), a_market({"hedge_beta_above": 1.0})
    for scene, command in ((paused, CommandName.PAUSE), (stopping, CommandName.STOP)):
        scene.enter(symbol=ETH)
        scene.forecast(symbol=SOL)
        scene.oblige()
        scene.command(command)
        scene.tick()
        scene.oblige()
    assert hedges(paused)
    assert not sent(stopping.seen, Purpose.HEDGE)


def test_what_a_person_forbids_in_its_symbol_is_not_opened() -> None:
    scene = a_market()
    scene.override(symbol=BTC, stance=Stance.REDUCE_ONLY)
    scene.enter(symbol=ETH)
    scene.enter(symbol=SOL)
    assert not hedges(scene)
    assert str(scene.engine.state.hedge.missing) == "override: reduce-only by test"


def test_stale_data_of_its_symbol_is_waited_out_and_told_once() -> None:
    scene = a_market()
    scene.hear(stream(BTC, StreamState.STALE))
    scene.enter(symbol=ETH)
    scene.enter(symbol=SOL)
    move(scene, BETAS, 3)
    assert not hedges(scene)
    assert notices(scene.seen).count("hedge.missing") == 1
    scene.live()
    move(scene, BETAS, 1)
    scene.oblige()
    assert hedges(scene)
    assert scene.engine.state.hedge.missing is None


def test_what_is_not_needed_any_more_is_missing_no_more() -> None:
    scene = a_market()
    scene.hear(stream(BTC, StreamState.STALE))
    scene.enter(symbol=ETH)
    scene.enter(symbol=SOL)
    assert scene.engine.state.hedge.missing is not None
    leave(scene, SOL)
    assert scene.engine.state.hedge.missing is None


def test_an_account_too_small_for_its_minimum_is_told() -> None:
    scene = a_market({"hedge_frac": 0.001}, quote="4000")
    scene.enter(symbol=ETH)
    scene.enter(symbol=SOL)
    assert not hedges(scene)
    assert "below minimum" in str(scene.engine.state.hedge.missing)


def test_a_thin_book_gets_what_it_shows() -> None:
    scene = a_market()
    scene.price(100.0, BTC, size=0.1)
    scene.enter(symbol=ETH)
    scene.enter(symbol=SOL)
    scene.live_on(600_000)
    assert 0 < -hedges(scene) <= Decimal("19.986")


# --- one owner of a symbol at a time ---------------------------------------------------------------------------


def test_where_a_strategy_holds_the_leader_there_is_no_hedge_beside_it() -> None:
    scene = a_market()
    for symbol in (BTC, ETH, SOL):
        scene.enter(symbol=symbol)
    assert scene.held(BTC) > 0
    assert not sent(scene.seen, Purpose.HEDGE)
    assert scene.engine.state.hedge.beta == pytest.approx(1.75, abs=0.01)
    assert str(scene.engine.state.hedge.missing).startswith(f"no hedge: a strategy holds {BTC}")
    leave(scene, BTC)
    assert hedges(scene)


def test_a_strategy_has_no_say_about_the_hedge() -> None:
    scene = a_hedged()
    scene.wait(MINUTE_MS)
    record = scene.forecast(0.02, BTC)
    assert (record.verdict, told(record)) == ("hold", ("it hedges the other positions",))
    assert not scene.is_leaving(BTC)


def test_a_symbol_kept_for_the_hedge_is_opened_by_no_strategy() -> None:
    scene = a_market({"hedge_symbol": "SOL/USDT"}, betas={BTC: 1.0, ETH: 4.5, SOL: 1.0})
    record = scene.forecast(0.02, SOL)
    assert (record.verdict, told(record)[0]) == ("skip", "risk.hedge_symbol keeps it for the hedge")
    scene.enter(symbol=BTC)
    scene.enter(symbol=ETH)
    assert hedges(scene, SOL) == pytest.approx(Decimal("-19.986"), abs=Decimal("0.01"))


def test_an_instrument_that_moves_against_the_leader_is_bought() -> None:
    scene = a_market({"hedge_symbol": SOL}, betas={BTC: 1.0, ETH: 4.5, SOL: -1.0})
    scene.enter(symbol=BTC)
    scene.enter(symbol=ETH)
    assert scene.plan(SOL).side is Side.BUY
    assert hedges(scene, SOL) > 0


@pytest.mark.parametrize(("own_beta", "is_hedged"), [(0.45, False), (0.55, True), (-0.45, False), (-0.55, True)])
def test_what_hardly_moves_with_the_leader_is_no_hedge(own_beta: float, is_hedged: bool) -> None:
    scene = a_market({"hedge_symbol": SOL}, betas={BTC: 1.0, ETH: 4.5, SOL: own_beta})
    scene.enter(symbol=BTC)
    scene.enter(symbol=ETH)
    assert bool(hedges(scene, SOL)) is is_hedged
    if not is_hedged:
        assert str(scene.engine.state.hedge.missing) == (
            f"no hedge: {SOL} moves only {own_beta:.2f} times as the leader does"
        )


def test_it_never_brings_beta_beyond_zero() -> None:
    """A portfolio of beta 1 and an instrument of 10: a tenth of equity brings it to 0, half of it would be -4."""
    settings = {"hedge_symbol": SOL, "hedge_frac": 0.5, "hedge_beta_above": 0.7, "hedge_beta_below": 0.5}
    scene = a_market(settings, betas={BTC: 1.0, ETH: 4.0, SOL: 10.0})
    scene.enter(symbol=ETH)
    assert float(-hedges(scene, SOL)) * 100 == pytest.approx(1_000, rel=0.01)


# --- shown ------------------------------------------------------------------------------------------------------


def test_the_status_shows_beta_and_hedge_or_why_there_is_none() -> None:
    def shown(scene: Scene) -> StatusSnapshot:
        return snapshot(scene.settings, scene.engine.state, started_ms=0, market_ms=0, events=0, errors=0)

    status = shown(a_hedged())
    assert status.hedge is not None
    assert (status.hedge.symbol, status.hedge.missing) == (BTC, "")
    assert status.hedge.beta == pytest.approx(1.5, abs=0.01)
    assert status.hedge.value_quote == pytest.approx(-1_998.6)
    assert {each.symbol: each.stage for each in status.positions} == {BTC: "hedge", ETH: "initial", SOL: "initial"}
    spot = a_scene()
    spot.candle(100.0)
    assert shown(spot).hedge == HedgeStatus(beta=0.0, missing=str(spot.engine.state.hedge.missing))
    assert shown(a_market({"hedge": False})).hedge == HedgeStatus(beta=0.0, missing="risk.hedge is off")


# --- on spot ---------------------------------------------------------------------------------------------------


def test_on_spot_it_is_told_once_that_there_is_none() -> None:
    scene = a_scene()
    for _ in range(3):
        scene.wait(MINUTE_MS)
        scene.candle(100.0)
    assert notices(scene.seen).count("hedge.missing") == 1
    assert str(scene.engine.state.hedge.missing) == (
        "no hedge: BTC/USDT cannot be sold short, and risk.hedge_symbol names no inverse"
    )
    off = a_scene({"risk": {"hedge": False}})
    off.candle(100.0)
    assert "hedge.missing" not in notices(off.seen)


def test_on_spot_an_inverse_symbol_is_bought_and_sold_again() -> None:
    btc, eth, down = "BTC/USDT", "ETH/USDT", "BTCDOWN/USDT"
    scene = a_scene(
        {
            "exchange": {"symbols": [btc, eth, down]},
            "sizing": {"rule": "fixed", "fixed_frac": 0.1},
            "risk": {"correlated_exposure_frac": 1.0, "hedge_symbol": down},
        },
        instruments=coins("BTC", "ETH", "BTCDOWN"),
        model=a_model(horizon_candles=2_000),
    )
    move(scene, {btc: 1.0, eth: 4.5, down: -2.0})
    assert "hedge.missing" not in notices(scene.seen)
    scene.enter(symbol=btc)
    scene.enter(symbol=eth)
    [intent] = sent(scene.seen, Purpose.HEDGE)
    assert (intent.symbol, intent.side, intent.reduce_only) == (down, Side.BUY, False)
    assert float(intent.quantity) * 100 == pytest.approx(2_000, rel=0.01)
    [(quantity, stop)] = scene.stops(down)
    assert quantity == scene.held(down)
    assert float(stop or 0) == pytest.approx(75.0, rel=1e-3)
    leave(scene, eth)
    scene.live_on(3_000)
    assert scene.held(down) == 0
    assert scene.stops(down) == []


# --- closed ---------------------------------------------------------------------------------------------------


def test_between_its_bounds_it_stays() -> None:
    scene = a_hedged({"hedge_beta_below": 0.7})
    decided = leave(scene, SOL)  # 0.75 is left
    assert hedges(scene) == Decimal("-19.986")
    assert not [each for each in sent(decided) if each.symbol == BTC]


def test_it_is_closed_as_soon_as_beta_has_fallen() -> None:
    scene = a_hedged({"hedge_beta_below": 0.8})
    decided = leave(scene, SOL)
    assert scene.held(BTC) == 0
    assert not scene.resting(BTC)
    trades = {each.trade.symbol: each.trade for each in of(scene.seen, d.RecordTrade)}
    assert (trades[BTC].reason, trades[BTC].strategy_id) == (CloseReason.HEDGE, "hedge")
    assert [each.purpose for each in sent(decided) if each.symbol == BTC] == [Purpose.EXIT]
    assert "hedge.removed" in notices(decided)


def test_what_is_being_closed_is_hedged_no_more() -> None:
    """Before anything of it is sold: a flatten or a slow exit does not wait for its fills, nor open a new hedge."""
    scene = a_hedged()
    decided = scene.command(CommandName.FLATTEN)
    assert {each.symbol for each in sent(decided, Purpose.FLATTEN)} == {BTC, ETH, SOL}
    [hedge] = [each for each in sent(decided, Purpose.FLATTEN) if each.symbol == BTC]
    scene.fill(hedge.client_id)
    after = [*scene.tick(), *move(scene, BETAS, 2)]
    assert not sent(after, Purpose.HEDGE)
    scene.live_on(10_000)
    assert [scene.held(symbol) for symbol in (BTC, ETH, SOL)] == [0, 0, 0]


def test_a_kill_ends_it_too() -> None:
    scene = a_hedged()
    scene.command(CommandName.KILL)
    scene.live_on(10_000)
    assert scene.held(BTC) == 0
    assert scene.trading()[0] is TradingState.HALTED


def test_a_hedge_under_way_is_given_up_by_a_flatten() -> None:
    scene = a_market({}, betas=BETAS)
    scene.price(100.0, BTC, size=0.5)  # so that it takes slices
    scene.enter(symbol=ETH)
    scene.enter(symbol=SOL)
    assert scene.is_buying(BTC)
    scene.command(CommandName.FLATTEN)
    scene.live_on(20_000)
    assert not scene.is_buying(BTC)
    assert scene.held(BTC) == 0


def test_one_under_way_that_is_not_needed_any_more_is_given_up() -> None:
    scene = a_market({"hedge_beta_below": 0.8})
    scene.price(100.0, BTC, size=0.5)  # so that it takes slices
    scene.enter(symbol=ETH)
    scene.forecast(symbol=SOL)
    scene.oblige()
    [first] = sent(scene.tick(), Purpose.HEDGE)
    scene.fill(first.client_id, "0", ends=OrderStatus.CANCELED)
    assert scene.is_buying(BTC)
    [stop] = scene.resting(SOL)
    scene.fill(stop.client_id, price=99.0)
    scene.tick()
    assert not scene.is_buying(BTC)
    assert scene.held(BTC) == 0


def test_it_is_closed_while_halted() -> None:
    scene = a_hedged({"hedge_beta_below": 0.8, "drawdown_frac": 0.0005})
    scene.price(99.9, ETH)
    scene.tick()
    assert scene.trading()[0] is TradingState.HALTED
    leave(scene, SOL)
    assert scene.held(BTC) == 0


def test_switched_off_it_is_closed() -> None:
    scene = a_hedged()
    scene.configure({"hedge": False})
    scene.restart()
    scene.reconcile(is_startup=True)
    scene.live_on(1_000)
    move(scene, BETAS)
    scene.live_on(1_000)
    assert scene.held(BTC) == 0


# --- what guards it, and what its loss means ---------------------------------------------------------------------


def test_only_a_far_stop_guards_it() -> None:
    scene = a_hedged({"losing_time_exit_h": 0.5})
    plan = scene.plan(BTC)
    [(quantity, stop)] = scene.stops(BTC)
    assert (quantity, plan.side) == (Decimal("19.986"), Side.SELL)
    assert float(stop or 0) == pytest.approx(99.99 * 1.25, abs=0.02)
    assert (plan.has_ladder, plan.take_profit_price) == (False, None)
    for symbol in (ETH, SOL):
        scene.price(100.5, symbol)  # in profit: time ends them no sooner than their horizon
    scene.price(103.0, BTC)
    scene.live_on(45 * MINUTE_MS, step_ms=MINUTE_MS)
    scene.candle(90.0, BTC)
    assert (hedges(scene), scene.stops(BTC)) == (Decimal("-19.986"), [(quantity, stop)])


def test_an_isolated_one_is_stopped_before_it_is_liquidated() -> None:
    scene = a_hedged(exchange={"leverage": 10, "margin_mode": "isolated"})
    [(_, stop)] = scene.stops(BTC)
    assert float(stop or 0) == pytest.approx(99.99 * 1.08, abs=0.02)


def test_its_loss_locks_no_symbol_and_is_no_loss_in_a_row() -> None:
    scene = a_hedged({"consecutive_losses": 1})
    [stop] = scene.resting(BTC)
    scene.wait(1_000)
    scene.fill(stop.client_id, price=125.0)
    decided = scene.tick()
    [trade] = [each.trade for each in of(scene.seen, d.RecordTrade)]
    assert (trade.reason, trade.profit_quote < 0) == (CloseReason.STOP, True)
    assert "symbol.locked" not in notices(scene.seen)
    assert "losses in a row" not in " ".join(scene.trading()[1])
    assert not sent(decided, Purpose.HEDGE)
    assert sent(move(scene, BETAS, 1), Purpose.HEDGE)  # the portfolio still needs one


# --- over a restart -----------------------------------------------------------------------------------------------


def test_a_restart_knows_it_as_the_hedge() -> None:
    scene = a_hedged()
    scene.restart()
    scene.reconcile(is_startup=True)
    scene.live_on(2_000)
    assert hedges(scene) == Decimal("-19.986")
    assert "position.adopted" not in notices(scene.seen)
    scene.wait(MINUTE_MS)
    assert told(scene.forecast(0.02, BTC)) == ("it hedges the other positions",)
    move(scene, BETAS)
    assert len(sent(scene.seen, Purpose.HEDGE)) == 1


def test_after_a_restart_it_is_closed_when_nothing_else_is_held_whatever_is_known() -> None:
    scene = a_hedged()
    scene.restart()
    scene.reconcile(is_startup=True)
    for symbol in (ETH, SOL):
        [stop] = scene.resting(symbol)
        scene.fill(stop.client_id, price=99.0)
    scene.live_on(3_000)
    assert scene.held(BTC) == 0


def test_one_that_was_only_sent_is_known_by_its_ticket_after_a_restart() -> None:
    scene = a_market()
    scene.enter(symbol=ETH)
    scene.forecast(symbol=SOL)
    scene.oblige()
    [intent] = sent(scene.tick(), Purpose.HEDGE)
    scene.restart()
    scene.fill(intent.client_id)
    scene.reconcile(is_startup=True)
    scene.live_on(2_000)
    assert hedges(scene) == Decimal("-19.986")
    assert "position.unplanned" not in notices(scene.seen)


def test_one_under_way_goes_on_after_a_restart_as_the_hedge() -> None:
    scene = a_market()
    scene.enter(symbol=ETH)
    scene.forecast(symbol=SOL)
    scene.oblige()
    [intent] = sent(scene.tick(), Purpose.HEDGE)
    scene.fill(intent.client_id, "5", ends=OrderStatus.PARTIALLY_FILLED)
    scene.restart()
    scene.reconcile(is_startup=True)
    scene.fill(intent.client_id)
    scene.live_on(2_000)
    assert hedges(scene) == Decimal("-19.986")
