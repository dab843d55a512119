"""Every cap with its number."""

import msgspec
import pytest

from tests.kit.builders import a_perpetual, an_instrument
from trader.config.risk import RiskSettings
from trader.config.sizing import SizingSettings
from trader.domain.commitments import Commitment, Commitments, Room
from trader.domain.instrument import Instrument
from trader.domain.reasons import Code
from trader.risk.caps import positions_with, rooms
from trader.risk.correlation import Correlations

SPOT = an_instrument()
HELD = Commitments(
    10_000.0,
    4_000.0,
    {
        SPOT.symbol: Commitment(500.0, 25.0, 500.0),
        "ETH/USDT": Commitment(1_000.0, 100.0, 1_000.0),
        "XRP/USDT": Commitment(2_000.0, 40.0, -2_000.0),
    },
)


def by_code(instrument: Instrument = SPOT, leverage: float = 1.0, **sizing: float) -> dict[Code, Room]:
    found = rooms(
        instrument,
        0.04,
        HELD,
        Correlations(),
        leverage=leverage,
        risk=RiskSettings(),
        sizing=SizingSettings(**sizing),
    )
    return {room.code: room for room in found}


@pytest.mark.parametrize(
    ("code", "used", "most", "weight"),
    [
        (Code.CAP_POSITION_NOTIONAL, 500.0, 2_500.0, 1.00025),
        (Code.CAP_POSITION_RISK, 25.0, 1_000.0, 0.0401),
        (Code.CAP_PORTFOLIO_RISK, 165.0, 2_000.0, 0.0402),
        (Code.CAP_EXPOSURE, 3_500.0, 9_000.0, 1.0009),
        (Code.CAP_CORRELATED, 1_500.0, 5_000.0, 1.0005),  # BTC and ETH are one group
        (Code.CAP_FREE_BALANCE, 0.0, 3_980.0, 1.001),
    ],
)
def test_each_cap_is_spec_fives_or_sevens(code: Code, used: float, most: float, weight: float) -> None:
    """Of 10,000 with a stop 4 % away and a fee of 0.1 %, which comes off the equity the cap is a share of."""
    room = by_code()[code]
    assert [room.used, room.most, room.weight] == pytest.approx([used, most, weight])


def test_there_is_no_other_cap() -> None:
    assert len(by_code()) == 6
    assert len(by_code(a_perpetual())) == 6


def test_the_portfolios_risk_is_a_fifth_at_most_whatever_is_configured() -> None:
    assert by_code(portfolio_risk_frac=0.9)[Code.CAP_PORTFOLIO_RISK].most == pytest.approx(2_000.0)
    assert by_code(portfolio_risk_frac=0.1)[Code.CAP_PORTFOLIO_RISK].most == pytest.approx(1_000.0)


def test_margin_carries_a_multiple_and_the_fee_is_of_the_whole() -> None:
    perpetual = a_perpetual()
    assert by_code(perpetual, 4.0)[Code.CAP_FREE_BALANCE].weight == pytest.approx(0.25 + perpetual.taker_fee_frac)
    assert by_code(SPOT, 4.0)[Code.CAP_FREE_BALANCE].weight == pytest.approx(1 + SPOT.taker_fee_frac)


def test_a_position_is_counted_once() -> None:
    assert positions_with(SPOT.symbol, HELD) == 3
    assert positions_with("ADA/USDT", HELD) == 4


def test_an_account_in_cross_margin_outlives_all_of_its_stops() -> None:
    """165 are lost when every stop is hit. What is held then, 3,500 + 165, has 183.25 of margin at a leverage of 20; a
    liquidation leaves a fifth of that: 36.65. A unit more with its stop 4 % away takes 0.04 + 0.2 x 1.04 / 20 + 0.0005.
    """
    found = rooms(
        a_perpetual("ADA/USDT:USDT"),
        0.04,
        HELD,
        Correlations(),
        leverage=20.0,
        risk=RiskSettings(liquidation_loss_frac=0.8),
        sizing=SizingSettings(),
        is_cross=True,
    )
    [room] = [room for room in found if room.code is Code.CAP_LIQUIDATION]
    assert [room.used, room.most, room.weight] == pytest.approx([201.65, 10_000.0, 0.0509])


def test_only_a_margined_account_is_liquidated() -> None:
    held = Commitments(1_000.0, 0.0, {})
    found = rooms(
        SPOT, 0.04, held, Correlations(), leverage=1.0, risk=RiskSettings(), sizing=SizingSettings(), is_cross=True
    )
    assert Code.CAP_LIQUIDATION not in {room.code for room in found}


def test_a_hedge_is_no_exposure_but_stands_in_the_same_margin() -> None:
    """1,000 of it with 250 at risk: the caps are as without it; in cross margin 250 + (1,000 + 250) / 100 more."""
    hedged = msgspec.structs.replace(HELD, hedge=Commitment(1_000.0, 250.0, -1_000.0))
    before, after = (
        {
            room.code: room
            for room in rooms(
                a_perpetual("ADA/USDT:USDT"),
                0.04,
                held,
                Correlations(),
                leverage=20.0,
                risk=RiskSettings(liquidation_loss_frac=0.8),
                sizing=SizingSettings(),
                is_cross=True,
            )
        }
        for held in (HELD, hedged)
    )
    added = {code: after[code].used - before[code].used for code in before}
    assert added.pop(Code.CAP_LIQUIDATION) == pytest.approx(250.0 + 12.5)
    assert set(added.values()) == {0.0}
    assert positions_with("ADA/USDT", hedged) == 4


@pytest.mark.parametrize(("annual_vol", "most"), [(0.0, 2_500.0), (0.75, 2_500.0), (1.0, 1_875.0), (3.0, 625.0)])
def test_what_moves_more_than_usual_may_be_a_smaller_position(annual_vol: float, most: float) -> None:
    """25 % of 10,000 x min(1, 0.75 / volatility)."""
    found = rooms(
        SPOT,
        0.04,
        HELD,
        Correlations(),
        leverage=1.0,
        risk=RiskSettings(),
        sizing=SizingSettings(),
        annual_vol=annual_vol,
    )
    [room] = [room for room in found if room.code is Code.CAP_POSITION_NOTIONAL]
    assert room.most == pytest.approx(most)
