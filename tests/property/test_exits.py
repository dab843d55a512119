"""Whatever the market does, a stop never loosens and a position is always guarded."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.builders import NOW_MS
from tests.unit.risk.test_stops import a_plan
from trader.config.risk import AtTarget, RiskSettings
from trader.domain.closing import CloseReason
from trader.domain.orders import Side
from trader.risk.exits import extend, on_candle, on_price, quiet_between
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


@given(
    st.sampled_from(Side),
    st.tuples(st.floats(0.001, 0.3), st.floats(0.001, 0.5), st.booleans(), st.sampled_from(AtTarget)),
    PATHS,
    st.lists(st.floats(0, 1), min_size=1, max_size=5),
)
def test_between_its_quiet_prices_a_plan_stays_as_it_is(
    side: Side, given_: tuple[float, float, bool, AtTarget], path: list[tuple[str, float, float]], shares: list[float]
) -> None:
    stop, target, has_ladder, at_target = given_
    settings = RiskSettings(at_target=at_target, partial_frac=0.0 if stop > 0.1 else 0.5)
    plan = msgspec.structs.replace(a_plan(side, stop=stop, target=target), has_ladder=has_ladder)
    for kind, price, spread in path:
        plan = moved(plan, kind, price, spread, NOW_MS)
    now = path[-1][1] if path else plan.entry_price
    if on_price(plan, now, now, NOW_MS, settings) != (plan, None):
        return  # it has no quiet before it is as this price leaves it
    low, high = quiet_between(plan, settings)
    assert low <= now <= high
    for price in (low, high, *(min(high, low + share * (high - low)) for share in shares)):
        kept, exit = on_price(plan, price, price, NOW_MS, settings)
        assert kept is plan
        assert exit is None


@pytest.mark.parametrize("side", Side)
def test_the_quiet_prices_reach_from_the_worst_to_the_best(side: Side) -> None:
    plan = a_plan(side)
    for price in (99.5, 100.5):
        plan, _ = on_price(plan, price, price, NOW_MS, SETTINGS)
    assert quiet_between(plan, SETTINGS) == (99.5, 100.5)


@pytest.mark.parametrize(("side", "beyond"), [(Side.BUY, 98.0), (Side.SELL, 102.0)])
def test_the_stop_itself_is_not_quiet(side: Side, beyond: float) -> None:
    plan = msgspec.structs.replace(a_plan(side), worst_price=beyond)
    low, high = quiet_between(plan, SETTINGS)
    assert on_price(plan, beyond, beyond, NOW_MS, SETTINGS)[1] is not None
    assert not low <= beyond <= high
    nearest = low if side is Side.BUY else high
    assert nearest == pytest.approx(beyond)
    assert on_price(plan, nearest, nearest, NOW_MS, SETTINGS) == (plan, None)
