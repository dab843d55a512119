"""What a perpetual costs to hold, as the edge of an entry must pay for it; the numbers are worked out by hand."""

import pytest

from tests.kit.builders import NOW_MS, a_model
from tests.kit.situations import HOUR_MS, MINUTE_MS, PERPETUAL, Scene, a_scene, of, told
from trader.domain.closing import CloseReason
from trader.domain.decisions import Notify, RecordTrade
from trader.domain.events import FundingSettled
from trader.domain.market import FundingRate
from trader.domain.orders import Side
from trader.domain.reasons import Code
from trader.domain.signals import Verdict

# Round trip: 2 x 5 bp taker fee, 2 bp spread = 12 bp without funding; the bar is 20 bp unless costs are above it.
BARE_BPS = 12.0


def a_perpetual_scene(*, hours: int = 16) -> Scene:
    return a_scene(perpetual=True, model=a_model(timeframe="1h", horizon_candles=hours))


def settled(rate: float, *, ago_h: float = 1.0, every_h: float = 8.0) -> FundingSettled:
    funding = FundingRate(PERPETUAL, NOW_MS - round(ago_h * HOUR_MS), rate)
    return FundingSettled(funding=funding, every_ms=round(every_h * HOUR_MS))


@pytest.mark.parametrize(
    ("prediction", "rate", "ago_h", "every_h", "funding_bps"),
    [
        (0.02, 0.0010, 1.0, 8.0, 20.0),  # paid in 7 and 15 hours
        (-0.02, 0.0010, 1.0, 8.0, -20.0),  # a short is paid
        (0.02, -0.0005, 1.0, 8.0, -10.0),
        (-0.02, -0.0005, 1.0, 8.0, 10.0),
        (0.02, 0.0010, 7.0, 8.0, 20.0),  # in 1 and 9 hours
        (0.02, 0.0010, 1.0, 4.0, 40.0),  # in 3, 7, 11, 15 hours
        (0.02, 0.0010, 1.0, 0.0, 20.0),  # eight hours where nobody knows
    ],
)
def test_the_rate_that_is_known_is_paid_at_each_settlement_until_the_horizon(
    prediction: float, rate: float, ago_h: float, every_h: float, funding_bps: float
) -> None:
    scene = a_perpetual_scene()
    scene.hear(settled(rate, ago_h=ago_h, every_h=every_h))
    assert scene.forecast(prediction).cost_bps == pytest.approx(BARE_BPS + funding_bps, abs=0.01)


def test_between_two_settlements_nothing_is_paid() -> None:
    scene = a_perpetual_scene(hours=4)
    scene.hear(settled(0.0100, ago_h=3.0))  # again in 5 hours
    assert scene.forecast(0.02).cost_bps == pytest.approx(BARE_BPS, abs=0.01)


# --- leaving before it is paid ----------------------------------------------------------------------------

DUE_IN_30_S = 8 - 30 / 3600


def held_before_funding(side: Side, rate: float, ago_h: float = DUE_IN_30_S, **risk: object) -> Scene:
    """A position at the close after its entry; funding is settled within the next candle, or later."""
    scene = a_scene({"risk": risk}, perpetual=True)
    scene.wait(-scene.now_ms % MINUTE_MS)
    scene.enter(0.02 * side.sign)
    scene.wait(MINUTE_MS)
    told_ms = scene.now_ms - round(ago_h * HOUR_MS)
    scene.hear(FundingSettled(funding=FundingRate(PERPETUAL, told_ms, rate), every_ms=8 * HOUR_MS))
    return scene


@pytest.mark.parametrize(
    ("side", "rate", "edge", "leaves"),
    [
        (Side.BUY, 0.0010, 0.0009, True),  # 10 bp to pay for an edge of 9
        (Side.BUY, 0.0010, 0.0011, False),
        (Side.BUY, 0.0010, -0.0001, True),
        (Side.BUY, -0.0010, -0.0001, False),  # it is paid
        (Side.SELL, -0.0010, 0.0009, True),
        (Side.SELL, 0.0010, 0.0009, False),
        (Side.BUY, 0.00029, 0.0, False),  # too little to act on
        (Side.BUY, 0.00031, 0.0, True),
    ],
)
def test_a_position_leaves_before_funding_that_its_edge_does_not_pay_for(
    side: Side, rate: float, edge: float, leaves: bool
) -> None:
    scene = held_before_funding(side, rate)
    record = scene.forecast(edge * side.sign)
    assert record.verdict is (Verdict.EXIT if leaves else Verdict.HOLD)
    assert (record.reasons[-1].code is Code.FUNDING_ABOVE_EDGE) is leaves
    scene.oblige()
    assert [trade.trade.reason for trade in of(scene.seen, RecordTrade)] == ([CloseReason.FUNDING] if leaves else [])


@pytest.mark.parametrize(
    ("ago_h", "risk"),
    [
        (8 - 90 / 3600, {}),  # paid after the next close: that one judges it
        (25.0, {}),  # what was settled three periods ago says nothing of the next
        (DUE_IN_30_S, {"funding_exit_bps": None}),
        (DUE_IN_30_S, {"funding_exit_bps": 20.0}),
    ],
)
def test_what_is_not_due_not_known_or_not_asked_for_closes_nothing(ago_h: float, risk: dict[str, object]) -> None:
    assert held_before_funding(Side.BUY, 0.0010, ago_h, **risk).forecast(0.0).verdict is Verdict.HOLD


@pytest.mark.parametrize("news", [None, settled(0.0010, ago_h=25.0)])
def test_without_a_rate_or_with_an_old_one_it_is_assumed_for_either_side(news: FundingSettled | None) -> None:
    """1 bp every eight hours, sixteen hours long."""
    for prediction in (0.02, -0.02):
        scene = a_perpetual_scene()
        if news is not None:
            scene.hear(news)
        assert scene.forecast(prediction).cost_bps == pytest.approx(BARE_BPS + 2.0, abs=0.01)


def test_a_newer_settlement_takes_the_place_of_the_one_before() -> None:
    scene = a_perpetual_scene()
    scene.hear(settled(0.0010, ago_h=9.0), settled(0.0002, ago_h=1.0))
    assert scene.forecast(0.02).cost_bps == pytest.approx(BARE_BPS + 4.0, abs=0.01)


def test_an_edge_that_funding_eats_is_no_trade_and_one_that_it_feeds_is() -> None:
    dear = a_perpetual_scene()
    dear.hear(settled(0.0010))
    assert told(dear.forecast(0.0030))[0] == "edge 30.0bp < needed 32.0bp"
    fed = a_perpetual_scene()
    fed.hear(settled(0.0010))
    assert fed.forecast(-0.0030).verdict is Verdict.ENTER


def test_spot_has_no_funding() -> None:
    assert a_scene().forecast(0.02).cost_bps == pytest.approx(22.0)


@pytest.mark.parametrize(
    ("news", "fault"),
    [
        (settled(0.2), "rate 0.2"),
        (settled(float("nan")), "rate nan"),
        (settled(0.0001, ago_h=-3.0), "settled 10800 s ahead"),
        (settled(0.0001, every_h=-1.0), "settled every -3600000 ms"),
        (FundingSettled(funding=FundingRate("XYZ/USDT:USDT", NOW_MS, 0.0)), "not traded"),
    ],
)
def test_what_cannot_be_true_is_refused(news: FundingSettled, fault: str) -> None:
    scene = a_perpetual_scene()
    [notice] = of(scene.hear(news), Notify)
    assert fault in notice.message
    assert scene.forecast(0.02).cost_bps == pytest.approx(BARE_BPS + 2.0, abs=0.01)
