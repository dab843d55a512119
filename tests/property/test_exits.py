"""Whatever the market does, a stop never loosens and a position is always guarded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.builders import NOW_MS
from tests.unit.risk.test_stops import a_plan
from trader.config.risk import RiskSettings
from trader.domain.closing import CloseReason
from trader.domain.orders import Side
from trader.risk.exits import extend, on_candle, on_price
from trader.risk.stops import PositionPlan, with_entry

SETTINGS = RiskSettings()
PATHS = st.lists(
    st.tuples(st.sampled_from(["price", "candle", "extend", "entry"]), st.floats(50, 200), st.floats(0, 0.01)),
    max_size=60,
)


def moved(plan: PositionPlan, kind: str, price: float, spread: float, now_ms: int) -> PositionPlan:
    if kind == "price":
        return on_price(plan, price, price * (1 + spread), now_ms, SETTINGS)[0]
    if kind == "candle":
        return on_candle(plan, price)
    if kind == "extend":
        return extend(plan, now_ms + 60_000)
    return with_entry(plan, price)


@given(st.sampled_from(Side), st.floats(0.001, 0.3), st.floats(0.001, 0.5), PATHS)
def test_a_stop_never_loosens(side: Side, stop: float, target: float, path: list[tuple[str, float, float]]) -> None:
    plan = a_plan(side, stop=stop, target=target)
    for minute, (kind, price, spread) in enumerate(path):
        after = moved(plan, kind, price, spread, NOW_MS + minute * 60_000)
        assert (after.stop_price - plan.stop_price) * side.sign >= 0
        assert (after.best_price - plan.best_price) * side.sign >= 0
        assert after.partial_done >= plan.partial_done
        assert after.trailing >= plan.trailing
        at_target = pytest.approx(after.entry_price * (1 + side.sign * target))
        assert after.take_profit_price == (None if after.trailing else at_target)
        plan = after


@given(st.sampled_from(Side), st.floats(0.001, 0.3), st.lists(st.floats(50, 200), max_size=60))
def test_at_or_beyond_the_stop_there_is_always_an_exit(side: Side, stop: float, prices: list[float]) -> None:
    plan = a_plan(side, stop=stop)
    halves = 0
    for price in prices:
        beyond = (price - plan.stop_price) * side.sign <= 0
        plan, exit = on_price(plan, price, price, NOW_MS, SETTINGS)
        if beyond:
            assert exit is not None
            assert exit.fraction == 1
        halves += exit is not None and exit.reason is CloseReason.PARTIAL
    assert halves <= 1
