"""What breakers measure from, what is written down of them, and what a person reads of locks and verdicts."""

from decimal import Decimal

import msgspec
import pytest

from tests.kit.builders import a_model
from tests.kit.situations import DAY_MS, HOUR_MS, MINUTE_MS, SYMBOL, Scene, a_scene, coins, notices, of
from trader.domain.closing import CloseReason
from trader.domain.decisions import ClosedTrade, EquitySnapshot, KeepState, Level, Notify, RecordEquity
from trader.domain.events import CommandName, ModelChanged, ModelWatched, StrategyJudged
from trader.domain.orders import Side
from trader.domain.reasons import Code, Reason, because
from trader.domain.signals import HealthAction, ModelHealth, ModelVerdict, StrategyVerdict, Verdict
from trader.engine.desk import Desk
from trader.engine.guards import guard, standing
from trader.risk.breakers import BreakerState
from trader.strategy.ensemble import Ensemble

LOSING = because(Code.SAID, "it loses")
RARE = because(Code.SAID, "it trades too little")


def valued(price: float) -> Scene:
    """50 coins and 5,000 USDT in the account since the first start."""
    scene = Scene()
    scene.live()
    scene.price(price)
    scene.reconcile(is_startup=True, USDT="5000", BTC="50")
    scene.tick()
    return scene


def recorded(scene: Scene) -> EquitySnapshot:
    """The newest row of equity."""
    return of(scene.seen, RecordEquity)[-1].snapshot


def test_after_a_resume_limits_are_measured_from_what_the_account_was_worth_then() -> None:
    scene = valued(100.0)
    scene.command(CommandName.RESUME)
    scene.price(98.0)
    scene.tick()
    breakers = scene.engine.state.guard.breakers
    assert (breakers.peak, breakers.day_start) == (10_000.0, 10_000.0)


def test_a_row_of_equity_has_the_peak_and_the_start_of_the_day_that_it_makes() -> None:
    scene = valued(100.0)
    scene.wait(MINUTE_MS)
    scene.price(110.0)
    scene.tick()
    assert (recorded(scene).equity, recorded(scene).peak, recorded(scene).day_start) == (10_500.0, 10_500.0, 10_000.0)
    scene.wait(DAY_MS)
    scene.price(104.0)
    scene.tick()
    assert (recorded(scene).equity, recorded(scene).peak, recorded(scene).day_start) == (10_200.0, 10_500.0, 10_200.0)


@pytest.mark.parametrize(("currency", "moved"), [("USDT", 100.0), ("BTC", 10_000.0), ("XRP", 0.0), ("DOGE", 0.0)])
def test_what_comes_in_counts_at_its_price_and_what_has_none_counts_nothing(currency: str, moved: float) -> None:
    scene = Scene(instruments=coins("BTC", "XRP"))
    scene.price(100.0, "BTC/USDT")
    desk = Desk(scene.settings, scene.engine.state, {})
    scene.engine.state.guard.breakers = BreakerState(day_start=9_000.0, peak=10_000.0)
    guard.transferred(desk, currency, Decimal(100))
    breakers = scene.engine.state.guard.breakers
    assert (breakers.day_start, breakers.peak) == (9_000.0 + moved, 10_000.0 + moved)


def test_what_there_is_once_has_no_key_in_the_journal() -> None:
    """A second row beside the first would be read in any order."""
    scene = a_scene()
    scene.command(CommandName.PAUSE)
    scene.hear(ModelWatched(health=ModelHealth("model-1", HealthAction.SHRINK, (LOSING,))))
    keys = {(note.kind, note.key) for note in of(scene.seen, KeepState)}
    assert {("breakers", ""), ("health", ""), ("opened", "")} <= keys
    assert {key for kind, key in keys if kind in ("breakers", "health", "opened")} == {""}


def test_a_person_reads_which_strategy_is_judged_and_every_reason_why() -> None:
    scene = a_scene()

    def judged(verdict: ModelVerdict, *reasons: Reason) -> list[Notify]:
        told = StrategyVerdict("rule", verdict, reasons)
        return of(scene.hear(StrategyJudged(verdict=told)), Notify)

    assert judged(ModelVerdict.TRADE) == []  # the first verdict is no change
    assert judged(ModelVerdict.OBSERVE, LOSING, RARE) == [
        Notify(Level.ALERT, "strategy.judged", "rule: observe (it loses, it trades too little)")
    ]
    assert judged(ModelVerdict.OBSERVE, LOSING) == []
    assert judged(ModelVerdict.TRADE) == [Notify(Level.INFO, "strategy.judged", "rule: trade")]


@pytest.mark.parametrize(
    ("action", "level", "words"),
    [
        (HealthAction.SHRINK, Level.WARNING, "new positions at half size (it loses, it trades too little)"),
        (HealthAction.OBSERVE, Level.ALERT, "nothing new is opened (it loses, it trades too little)"),
    ],
)
def test_a_person_reads_what_the_drift_of_which_model_leads_to(action: HealthAction, level: Level, words: str) -> None:
    scene = a_scene(model=a_model())
    told = of(scene.hear(ModelWatched(health=ModelHealth("model-1", action, (LOSING, RARE)))), Notify)
    assert told == [Notify(level, "model.drifted", words, ref="model-1")]
    told = of(scene.hear(ModelWatched(health=ModelHealth("model-1", HealthAction.NONE))), Notify)
    assert told == [Notify(Level.INFO, "model.drifted", "as in training again", ref="model-1")]


def test_a_lock_is_told_with_its_symbol() -> None:
    scene = a_scene()
    scene.enter()
    scene.price(98.5)
    scene.oblige()
    [locked, *_] = [n for n in of(scene.seen, Notify) if n.event == "symbol.locked"]
    assert (locked.level, locked.symbol) == (Level.WARNING, SYMBOL)


def test_clearing_what_nobody_has_said_changes_nothing() -> None:
    scene = a_scene()
    assert scene.override(clear=True) == "BTC/USDT: traded as usual"
    assert notices(scene.seen, Level.ALERT) == []


def test_an_unlock_is_of_what_closed_at_that_very_moment_too() -> None:
    """A person unlocks a symbol that has just been locked by a loss."""
    scene = a_scene()
    scene.enter()
    scene.price(98.5)
    scene.oblige()
    assert scene.held() == 0
    desk = Desk(scene.settings, scene.engine.state, {})
    assert standing.locks(desk, SYMBOL) != ()
    scene.override(unlock=True)
    assert standing.locks(desk, SYMBOL) == ()


def test_a_budget_is_looked_at_anew_once_a_day() -> None:
    """Twenty trades whose fees took all that they earned: they count for 90 days, though no trade ends meanwhile."""
    scene = a_scene()
    state = scene.engine.state
    dear = ClosedTrade(
        symbol=SYMBOL,
        side=Side.BUY,
        opened_ms=scene.now_ms - HOUR_MS,
        closed_ms=scene.now_ms,
        quantity=Decimal(1),
        entry_price=Decimal(100),
        exit_price=Decimal(101),
        profit_quote=Decimal(0),
        fees_quote=Decimal(1),
        reason=CloseReason.STOP,
    )
    state.standing.trades.extend([dear] * 100)
    desk = Desk(scene.settings, state, {SYMBOL: Ensemble(scene.settings.strategy)})
    factors = []
    for days in (0, 0, 89, 91):
        state.now_ms = scene.now_ms + days * DAY_MS
        factors.append(standing.budget(desk, SYMBOL).factor)
    assert factors[0] > 1
    assert factors == [factors[0]] * 3 + [1.0]


@pytest.mark.parametrize(("model_id", "forgotten"), [("model-1", []), ("model-2", [None])])
def test_what_was_held_against_a_model_is_forgotten_with_it(model_id: str, forgotten: list[None]) -> None:
    scene = a_scene()
    scene.hear(ModelWatched(health=ModelHealth("model-1", HealthAction.OBSERVE, (LOSING,))))
    changed = ModelChanged(model=msgspec.structs.replace(a_model(), model_id=model_id))
    notes = of(scene.hear(changed), KeepState)
    assert [note.value for note in notes if (note.kind, note.key) == ("health", "")] == forgotten
    assert scene.forecast(model_id=model_id).verdict is (Verdict.ENTER if forgotten else Verdict.SKIP)


def test_a_resume_measures_from_the_worth_of_that_moment() -> None:
    scene = valued(100.0)
    scene.price(90.0)
    desk = Desk(scene.settings, scene.engine.state, {})
    guard.resume(desk)
    assert (desk.state.guard.breakers.peak, desk.state.guard.breakers.day_start) == (9_500.0, 9_500.0)


def test_a_position_left_at_the_very_close_was_left_since_it() -> None:
    scene = a_scene(instruments=coins("BTC", "XRP"))
    scene.enter(symbol=SYMBOL)
    scene.wait(MINUTE_MS)
    scene.command(CommandName.FLATTEN)
    scene.oblige()
    desk = Desk(scene.settings, scene.engine.state, {})
    assert standing.was_left_since(desk, SYMBOL, scene.now_ms)
    assert not standing.was_left_since(desk, SYMBOL, scene.now_ms + 1)
    assert not standing.was_left_since(desk, "XRP/USDT", scene.now_ms)


def kept_over(before: BreakerState, after: BreakerState) -> bool:
    """Whether the journal hears of `after` where it has `before`."""
    scene = a_scene()
    desk = Desk(scene.settings, scene.engine.state, {})
    scene.engine.state.guard.breakers = after
    scene.engine.state.guard.breakers_kept = before
    guard.transferred(desk, "DOGE", Decimal(1))  # nothing changes by it: what is there is looked at
    return any(note.kind == "breakers" for note in of(desk.out, KeepState))


@pytest.mark.parametrize(
    ("before", "after", "is_news"),
    [
        (BreakerState(peak=1_000.0), BreakerState(peak=1_000.0), False),
        (BreakerState(peak=1_000.0), BreakerState(peak=1_000.9), False),  # less than a thousandth
        (BreakerState(peak=1_000.0), BreakerState(peak=1_001.0), True),
        (BreakerState(peak=1_000.0), BreakerState(peak=999.9), True),  # after a resume
        (BreakerState(), BreakerState(peak=1_000.0), True),
        (BreakerState(peak=1_000.0), BreakerState(), True),
        (BreakerState(reasons=(LOSING,)), BreakerState(reasons=(LOSING,)), False),
        (BreakerState(reasons=(LOSING,)), BreakerState(), True),
        (BreakerState(reasons=(LOSING,)), BreakerState(reasons=(because(Code.HALTED),)), True),
        (BreakerState(losses_in_a_row=1), BreakerState(losses_in_a_row=2), True),
    ],
)
def test_the_journal_hears_of_breakers_what_would_move_a_limit(
    before: BreakerState, after: BreakerState, is_news: bool
) -> None:
    assert kept_over(before, after) is is_news


def test_other_numbers_behind_the_same_reasons_are_no_news() -> None:
    was, now = (BreakerState(reasons=(because(Code.FORECAST_OLD, age_s=age),)) for age in (1.0, 2.0))
    assert not kept_over(was, now)
