"""How much of what was sized a book carries, by which algorithm, and whether that pays: the functions alone."""

from decimal import Decimal

import pytest

from tests.kit.builders import SYMBOL, a_book, an_instrument
from tests.kit.situations import a_scene
from trader.domain.market import Book
from trader.domain.orders import AlgorithmName, Side, Urgency
from trader.domain.reasons import Code, because
from trader.domain.workings import Asked
from trader.engine.desk import Desk
from trader.engine.entries.carrying import Carried, carry, too_dear
from trader.execution.costs import round_trip_cost_frac
from trader.sizing.limits import Sized, Unsized
from trader.strategy.proposal import Enter

CAP = because(Code.CAP_EXPOSURE)


def a_desk(**execution: object) -> Desk:
    scene = a_scene({"execution": execution})
    return Desk(scene.settings, scene.engine.state, {})


def carried(quantity: str, book: Book, *, urgency: Urgency | None = None, **execution: object) -> Carried | Unsized:
    desk = a_desk(**execution)
    sized = Sized(Decimal(quantity), risk_frac=0.01, notional=float(quantity) * 100, limits=(CAP,))
    return carry(desk, desk.market(SYMBOL), book, Enter(side=Side.BUY, urgency=urgency), sized)


@pytest.mark.parametrize(
    ("urgency", "at_15bp", "at_30bp"),
    [
        (Urgency.LOW, "limit", "twap"),  # market below 5 bp, split above 25
        (Urgency.MEDIUM, "limit", "limit"),
        (Urgency.HIGH, "market", "limit"),  # market below 20 bp
        (None, "limit", "limit"),
    ],
)
def test_the_more_urgent_an_entry_the_sooner_it_takes_the_market(
    urgency: Urgency | None, at_15bp: str, at_30bp: str
) -> None:
    for bps, algorithm in ((15, at_15bp), (30, at_30bp)):
        steps = a_book(ask=100.0, bid=99.99, size=1.0, tick=bps / 450)  # ten of them are 4.5 away on average
        found = carried("10", steps, urgency=urgency)
        assert isinstance(found, Carried)
        assert (found.algorithm, str(found.impact)) == (algorithm, f"impact {bps}.0bp")


def test_what_the_book_just_holds_is_carried_whole_and_what_it_does_not_is_cut_in_every_number() -> None:
    ten = a_book(size=1.0, levels=10)
    whole = carried("10", ten, algorithm="market")
    assert isinstance(whole, Carried)
    assert whole.sized == Sized(Decimal(10), 0.01, 1_000.0, (CAP,))
    half = carried("20", ten, algorithm="market")
    assert isinstance(half, Carried)
    assert (half.sized.quantity, half.sized.limits) == (Decimal(10), (CAP, because(Code.CAP_BOOK)))
    assert half.sized.risk_frac == pytest.approx(0.005)
    assert half.sized.notional == pytest.approx(1_000.0)
    assert half.impact.code is Code.BEYOND_BOOK  # of what was wanted


def test_an_edge_that_just_pays_is_enough_and_one_below_is_not() -> None:
    desk, book = a_desk(), a_book()
    instrument = an_instrument()
    cost_frac = round_trip_cost_frac(instrument, book, impact_frac=0.001, funding_frac=0.002, measured_entry_frac=0.003)
    sized = Sized(Decimal(1), 0.01, 100.0)
    impact = because(Code.IMPACT, impact_bps=10.0)
    one = Carried(sized, AlgorithmName.MARKET, impact, 0.001, impact_frac=0.001, modelled_frac=0.003)

    def reason(edge_frac: float | None) -> str | None:
        wanted = Enter(side=Side.BUY, edge_frac=edge_frac)
        found = too_dear(desk, desk.market(SYMBOL), book, wanted, one, 0.002, Asked())
        return None if found is None else found.code

    assert reason(cost_frac) is None
    assert reason(cost_frac * 0.9999) == Code.EDGE_BELOW_IMPACT
    assert reason(None) is None
