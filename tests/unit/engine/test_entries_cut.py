"""Entries under way that a cap has become too small for, each cap alone: they go on smaller, and end so."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from tests.kit.situations import MINUTE_MS, a_scene, of
from trader.domain.account import Payment, PaymentKind
from trader.domain.decisions import Notify, RecordExecution
from trader.domain.events import PaymentArrived

OPEN = {"position_notional_cap_frac": 5.0, "cap_frac": 0.1, "floor_frac": 0.1, "exposure_limit_frac": 5.0}


@pytest.mark.parametrize(
    ("risk", "sizing", "cap"),
    [
        ({"liquidation_loss_frac": 0.011}, {}, "is liquidated"),  # the account is in cross margin
        ({}, {"position_notional_cap_frac": 0.9}, "position"),
        ({}, {"exposure_limit_frac": 0.9}, "exposure"),
        ({"correlated_exposure_frac": 0.9}, {}, "correlated"),
    ],
)
def test_an_entry_goes_on_with_what_a_cap_has_room_for(
    risk: Mapping[str, float], sizing: Mapping[str, float], cap: str
) -> None:
    """A short by slices, and 2 % of the account are paid away meanwhile: the last slice is the smaller by a fifth."""
    settings = {
        "exchange": {"leverage": 1, "margin_mode": "cross"},
        "execution": {"algorithm": "twap"},
        "sizing": {**OPEN, **sizing},
        "risk": {"correlated_exposure_frac": 1.0, "max_order_notional_frac": 5.0, **risk},
    }
    scene = a_scene(settings, perpetual=True)
    scene.forecast(-0.02, win=0.99)
    scene.live_on(MINUTE_MS)
    paid = Payment("p1", PaymentKind.FUNDING, scene.symbol, "USDT", Decimal(-200), scene.now_ms)
    scene.hear(PaymentArrived(payment=paid))
    decided = scene.live_on(5 * MINUTE_MS)
    [report] = [r.report for r in of(scene.seen, RecordExecution)]
    assert report.filled == abs(scene.held())
    assert float(report.filled / report.quantity) == pytest.approx(0.98, abs=0.002)
    assert any(cap in n.message for n in of(decided, Notify) if n.event == "order.refused")
