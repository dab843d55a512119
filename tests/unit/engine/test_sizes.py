"""A size knows the portfolio it joins, the money it risks, and what its model has earned so far."""

import math

import msgspec
import pytest

from tests.kit.builders import a_model
from tests.kit.situations import DIP, Scene, a_scene, coins, of, told
from trader.domain.decisions import RecordTrade
from trader.domain.events import CommandName, ModelChanged
from trader.domain.reasons import Code
from trader.domain.signals import DecisionRecord, Outcomes, Regime, Verdict
from trader.domain.sizing import SizeFactors
from trader.domain.units import MINUTE_MS

BTC, SOL, XRP = "BTC/USDT", "SOL/USDT", "XRP/USDT"
FREE = {"sizing": {"position_notional_cap_frac": 0.1}}


def factors(scene: Scene, symbol: str = "", *, win: float = 0.7) -> SizeFactors:
    """What shaped the size of an entry, as its decision records it."""
    return told_by(scene.forecast(symbol=symbol, win=win))


def told_by(record: DecisionRecord) -> SizeFactors:
    assert record.verdict is Verdict.ENTER, record.reasons
    assert record.workings is not None
    assert record.workings.size is not None
    assert record.workings.size.factors is not None
    return record.workings.size.factors


def closes(scene: Scene, count: int, *symbols: str, opposed: str = "") -> None:
    """One-minute candles until now in which `symbols` move as one, `opposed` the other way."""
    for n in range(count):
        for symbol in symbols:
            swing = 0.01 * math.sin(n * n) * (-1 if symbol == opposed else 1)
            scene.candle(100 * math.exp(swing), symbol, open_ms=scene.now_ms - (count - n) * MINUTE_MS)


@pytest.mark.parametrize(
    ("bases", "expected", "share"),
    [
        (("BTC",), None, 1.0),
        (("BTC", "SOL", "XRP"), None, 1 / (1 + 2 * 0.8)),
        (("BTC", "SOL", "XRP"), 8, 1 / (1 + 7 * 0.8)),
        (("BTC", "SOL", "XRP"), 1, 1.0),
    ],
)
def test_as_many_positions_as_are_expected_share_the_bet(
    bases: tuple[str, ...], expected: int | None, share: float
) -> None:
    """Eight are expected, or as many as there are symbols; nothing is known of how they move: 0.8."""
    scene = a_scene({"sizing": {"expected_positions": expected}}, instruments=coins(*bases))
    assert factors(scene).correlation == pytest.approx(share)


@pytest.mark.parametrize(("opposed", "correlation"), [("", 1.0), (SOL, 0.0)])
def test_once_measured_the_correlation_with_what_is_held_counts(opposed: str, correlation: float) -> None:
    scene = a_scene(FREE, instruments=coins("BTC", "SOL"))
    closes(scene, 60, SOL, BTC, opposed=opposed)  # the leader's candle is the last one: then it is measured
    closes(scene, 0)
    scene.enter(symbol=BTC)
    assert factors(scene, SOL).correlation == pytest.approx(1 / (1 + correlation), rel=1e-6)


def test_what_is_under_way_counts_as_what_is_held() -> None:
    scene = a_scene(FREE, instruments=coins("BTC", "SOL"))
    closes(scene, 60, SOL, BTC, opposed=SOL)
    scene.forecast(symbol=BTC)
    assert factors(scene, SOL).correlation == pytest.approx(1.0)


def test_the_portfolio_shrinks_what_joins_it() -> None:
    """BTC and SOL hold 10 % of equity each at a volatility of 0.3 and 0.8 between them; the third may swing no more."""
    scene = a_scene(
        {**FREE, "risk": {"portfolio_vol_target": 0.06}, "execution": {"protected_market_frac": 0.0}},
        instruments=coins("BTC", "SOL", "XRP"),
    )
    scene.enter(symbol=BTC)
    scene.enter(symbol=SOL)
    told = factors(scene, XRP)
    equity, vol = scene.equity.equity, DIP.annual_vol
    one, two = (float(scene.held(symbol)) * 100.0 / equity * vol for symbol in (BTC, SOL))
    third = 0.1 / (1 + 0.1 * 0.001) * vol  # the cap, less its fee
    swing = math.sqrt(one**2 + two**2 + third**2 + 1.6 * (one * two + one * third + two * third))
    assert told.overlay == pytest.approx(0.06 / swing, rel=1e-4)
    assert told.caps == (Code.CAP_POSITION_NOTIONAL,)


def test_a_shock_is_as_the_model_saw_it_in_training() -> None:
    model = a_model(shocked_vol={BTC: 7.8})
    scene = a_scene(FREE, model=model)
    assert factors(scene).overlay == pytest.approx(1.0, abs=1e-3)  # 0.1 x 7.8 = 2.6 x 0.3
    scene = a_scene({**FREE, "risk": {"portfolio_vol_shocked": 1.3}}, model=model)
    assert factors(scene).overlay == pytest.approx(0.5, rel=1e-3)


def test_a_symbol_that_moves_much_may_be_a_smaller_position() -> None:
    """25 % x 0.75 / 1.5, asked for with the volatility that the size was made with, until its orders have ended."""
    scene = a_scene({"execution": {"algorithm": "twap", "protected_market_frac": 0.0}})
    wild = msgspec.structs.replace(DIP, vol_blend=1.5)
    record = scene.forecast(context=wild)
    assert record.verdict is Verdict.ENTER
    assert record.quantity is not None
    assert float(record.quantity) * 100.0 == pytest.approx(1_250.0, rel=5e-3)
    scene.wait(MINUTE_MS)
    scene.forecast(context=msgspec.structs.replace(DIP, vol_blend=15.0))  # wilder still: what was approved goes on
    scene.live_on(300_000)
    assert scene.held() == record.quantity


# --- real money -------------------------------------------------------------------------------------------------

PROVEN = a_model(pooled=Outcomes(count=400, win_share=0.5, win_frac=0.02, loss_frac=0.01))


# a win probability of 0.45 is 0.4625 once pulled a quarter of the way to 0.5
P = 0.4625


def bets(win_frac: float = 0.02, loss_frac: float = 0.01, count: int = 400) -> tuple[float, float]:
    """(a quarter of Kelly on the lower bound of the edge, half of Kelly on the edge)."""
    edge = P * win_frac - (1 - P) * loss_frac
    low = edge - 1.6448536 * math.sqrt(P * (1 - P) / count) * (win_frac + loss_frac)
    return 0.25 * low / win_frac, 0.5 * edge / win_frac


FIRST = bets()[0] / bets()[1]
EVIDENCE = {"sizing": {"evidence_trades": 2}, "execution": {"protected_market_frac": 0.0}}


def uncertainty(scene: Scene) -> float:
    """Of an entry that comes to nothing."""
    found = factors(scene, win=0.45).uncertainty
    scene.ignore()
    return found


def round_trip(scene: Scene, exit_price: float) -> None:
    """Bought at 100, sold at `exit_price` because a person wants it; then the market stands where it stood."""
    scene.enter(win=0.45)
    scene.wait(MINUTE_MS)
    scene.price(exit_price)
    scene.command(CommandName.FLATTEN)
    scene.oblige()
    assert not scene.held()
    scene.wait(10 * MINUTE_MS)
    scene.price(100.0)


def test_with_real_money_a_new_model_begins_small_and_on_paper_it_does_not() -> None:
    assert uncertainty(a_scene(EVIDENCE, model=PROVEN, real_money=True)) == pytest.approx(FIRST)
    assert uncertainty(a_scene(EVIDENCE, model=PROVEN)) == 1.0


def test_it_grows_with_its_own_trades_that_earn() -> None:
    """One of two trades that are enough: half the way. What it won counts beside two wins of the record."""
    scene = a_scene(EVIDENCE, model=PROVEN, real_money=True)
    round_trip(scene, 101.0)
    [closed] = of(scene.seen, RecordTrade)
    first, usual = bets(win_frac=(2 * 0.02 + closed.trade.return_frac) / 3, count=401)
    assert uncertainty(scene) == pytest.approx((first + usual) / 2 / usual)


def test_trades_that_lost_are_no_evidence() -> None:
    scene = a_scene(EVIDENCE, model=PROVEN, real_money=True)
    round_trip(scene, 99.0)
    [closed] = of(scene.seen, RecordTrade)
    first, usual = bets(loss_frac=(2 * 0.01 - closed.trade.return_frac) / 3, count=401)
    assert uncertainty(scene) == pytest.approx(first / usual)


@pytest.mark.parametrize("restarts", [False, True])
def test_enough_of_them_make_it_whole_also_after_a_restart(restarts: bool) -> None:
    scene = a_scene(EVIDENCE, model=PROVEN, real_money=True)
    round_trip(scene, 101.0)
    round_trip(scene, 101.0)
    if restarts:
        scene.restart()
        scene.reconcile(is_startup=True)
        scene.tick()
    assert uncertainty(scene) == 1.0


def test_another_model_begins_anew() -> None:
    scene = a_scene(EVIDENCE, model=PROVEN, real_money=True, instruments=coins("BTC", "XRP"))
    round_trip(scene, 101.0)
    round_trip(scene, 101.0)
    assert factors(scene, XRP, win=0.45).uncertainty == 1.0
    scene.hear(ModelChanged(model=msgspec.structs.replace(PROVEN, model_id="model-2")))
    assert told_by(scene.forecast(win=0.45, model_id="model-2")).uncertainty == pytest.approx(FIRST)


def test_a_model_that_tells_no_count_of_its_outcomes_trades_no_real_money() -> None:
    record = a_scene(real_money=True).forecast()
    assert record.verdict is Verdict.SKIP
    assert record.reasons[0].code is Code.KELLY_UNPROVEN


@pytest.mark.parametrize(
    ("win", "loss", "here"),
    [
        (0.02, 5e-324, None),
        (5e-324, 0.01, Outcomes(1e12, 0.5, 0.0, 0.01)),
        (1e6, 1e-303, None),
    ],
)
def test_a_record_of_next_to_nothing_is_none(win: float, loss: float, here: Outcomes | None) -> None:
    """Blended it is 0, and divided by it more than a number holds: the daemon halted at the next forecast."""
    by_regime = {} if here is None else dict.fromkeys(Regime, here)
    scene = a_scene(model=a_model(by_regime=by_regime, average_win_frac=win, average_loss_frac=loss))
    assert told(scene.forecast(win=0.9)) == ("the model has no record of wins and losses",)
    assert scene.counted("failed") == (0,)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_restart_does_not_forget_how_wild_is_what_is_held(restarts: bool) -> None:
    """Two a year, by closes that go to and fro by 0.276 % a minute: known from them until the first forecast."""
    risk = {"correlated_exposure_frac": 1.0, "hedge": False}
    scene = a_scene({"risk": risk}, instruments=coins("BTC", "SOL", "XRP", perpetual=True), perpetual=True)
    btc, *wild = scene.instruments
    for symbol in wild:
        scene.enter(symbol=symbol, context=msgspec.structs.replace(DIP, vol_blend=2.0))
    if restarts:
        scene.restart()
        scene.reconcile(is_startup=True)
    for n in range(40):
        scene.wait(MINUTE_MS)
        for symbol in wild:
            scene.candle(100.0 if n % 2 else 100.276, symbol)
    assert factors(scene, btc).overlay == pytest.approx(0.764, rel=0.02)
