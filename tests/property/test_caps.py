"""No approved order breaks a cap at its approval price, whatever happens between ticks, on several symbols at once."""

from collections.abc import Mapping
from typing import NamedTuple

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.kit.builders import a_model
from tests.kit.situations import DIP, PEAK, Scene, coins
from trader.domain.decisions import Decision, SubmitOrder
from trader.domain.events import AnyEvent, ModelChanged
from trader.domain.orders import OrderIntent, Purpose
from trader.domain.units import MINUTE_MS

BASES = ("BTC", "ETH", "LINK", "SOL", "XRP", "ADA")
GROUPS = ({"BTC", "ETH"}, {"BTC", "BNB"}, {"ETH", "LINK"})  # of SPEC 7, while nothing is measured
SLACK = 1 + 1e-6


class Held(NamedTuple):
    """One symbol at the prices of now, quote: the witness's own count."""

    notional: float
    risk: float


class Watched(Scene):
    """Judges every entry order in the moment it is approved."""

    approved = 0

    def hear(self, *events: AnyEvent) -> list[Decision]:
        decided: list[Decision] = []
        for event in events:
            news = super().hear(event)
            entries = [each.approved.intent for each in news if isinstance(each, SubmitOrder)]
            for intent in entries:
                if intent.purpose is Purpose.ENTRY:
                    self._judge(intent)
            decided += news
        return decided

    def _judge(self, intent: OrderIntent) -> None:
        type(self).approved += 1
        state, equity = self.engine.state, self._worth()
        others = {symbol: self._held(symbol, intent.parent_id) for symbol in self.instruments}
        here = others[intent.symbol]
        limit = self.settings.sizing.exposure_limit_frac
        ticket = state.positions.tickets[intent.symbol]
        asked = float(intent.quantity) * float(intent.price or 0)
        assert asked > 0
        assert asked * ticket.stop_frac + here.risk <= 0.10 * equity * SLACK
        assert asked * ticket.stop_frac + sum(each.risk for each in others.values()) <= 0.20 * equity * SLACK
        assert asked + here.notional <= self.settings.sizing.position_notional_cap_frac * equity * SLACK
        assert asked + sum(each.notional for each in others.values()) <= limit * equity * SLACK
        base = self.instruments[intent.symbol].base
        group = {other for pair in GROUPS if base in pair for other in pair} | {base}
        together = sum(each.notional for symbol, each in others.items() if self.instruments[symbol].base in group)
        assert asked + together <= self.settings.risk.correlated_exposure_frac * equity * SLACK
        assert asked <= self._free(others) * self._leverage * SLACK
        assert sum(each.notional > 0 for symbol, each in others.items() if symbol != intent.symbol) < 8

    @property
    def has_unanswered(self) -> bool:
        return bool(self._unanswered)

    @property
    def _leverage(self) -> float:
        return float(self.settings.exchange.leverage) if self.instruments[self.symbol].can_short else 1.0

    def _mid(self, symbol: str) -> float:
        book = self.engine.state.markets[symbol].book
        assert book is not None
        return book.mid

    def _held(self, symbol: str, but: str) -> Held:
        state, mid = self.engine.state, self._mid(symbol)
        quantity, plan = float(self.held(symbol)), state.positions.plans.get(symbol)
        notional = abs(quantity) * mid
        risk = notional if plan is None else max(0.0, quantity * (mid - plan.stop_price))
        for parent_id, algorithm in state.orders.algorithms.items():
            if algorithm.symbol == symbol and not algorithm.purpose.reduces and parent_id != but:
                wanted = float(algorithm.quantity - algorithm.filled) * mid
                notional += wanted
                risk += wanted * state.positions.tickets[symbol].stop_frac
        return Held(notional, risk)

    def _worth(self) -> float:
        total = float(self.cash())
        for symbol, position in self.engine.state.account.ledger.positions.items():
            quantity, mid = float(position.quantity), self._mid(symbol)
            perpetual = self.instruments[symbol].can_short
            total += quantity * (mid - float(position.entry_price)) if perpetual else quantity * mid
        return total

    def _free(self, others: dict[str, Held]) -> float:
        if not self.instruments[self.symbol].can_short:
            held = sum(abs(float(self.held(symbol))) * self._mid(symbol) for symbol in self.instruments)
            return float(self.cash()) - (sum(each.notional for each in others.values()) - held)
        return self._worth() - sum(each.notional for each in others.values()) / self._leverage


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["forecast", "forecast", "forecast", "price", "fill", "fill all", "tick", "wait"]),
        st.sampled_from(BASES),
        st.floats(-0.05, 0.05),
        st.floats(0.2, 0.95),
    ),
    min_size=5,
    max_size=60,
)


LOOSE: Mapping[str, object] = {"position_notional_cap_frac": 5.0, "exposure_limit_frac": 5.0}
USUAL: Mapping[str, object] = {}


def a_watched(algorithm: str, leverage: int, sizing: Mapping[str, object] = USUAL, together: float = 0.5) -> Watched:
    """`sizing` and `together` (of correlated exposure): which caps are the first to bind."""
    settings_ = {
        "execution": {"algorithm": algorithm},
        "exchange": {"leverage": leverage},
        "sizing": {"rule": "fixed", "fixed_frac": 0.1, **sizing},
        "risk": {"correlated_exposure_frac": together, "max_order_notional_frac": 5.0},
    }
    listed = coins(*BASES, perpetual=leverage > 1)
    scene = Watched(settings_, instruments=listed, perpetual=leverage > 1)
    scene.live()
    for symbol in scene.instruments:
        scene.price(100.0, symbol)
    scene.hear(ModelChanged(model=a_model()))
    scene.reconcile(is_startup=True, USDT="10000")
    scene.tick()
    return scene


@given(
    events=EVENTS,
    algorithm=st.sampled_from(["auto", "market", "limit", "twap"]),
    leverage=st.sampled_from([1, 5]),
    atr=st.sampled_from([0.2, 2.0, 8.0]),
    sizing=st.sampled_from([USUAL, LOOSE, {**LOOSE, "rule": "kelly"}]),
    together=st.sampled_from([0.3, 1.0]),
)
@example([("forecast", base, -0.01, 0.7) for base in BASES], "market", 5, 8.0, LOOSE, 1.0)
@example(
    [("forecast", "BTC", 0.01, 0.7), ("fill", "BTC", 0.0, 0.5), ("price", "BTC", 0.05, 0.5), ("wait", "BTC", 0.0, 0.5)]
    * 3,
    "twap",
    5,
    8.0,
    LOOSE,
    1.0,
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_approved_order_breaks_a_cap(
    events: list[tuple[str, str, float, float]],
    algorithm: str,
    leverage: int,
    atr: float,
    sizing: Mapping[str, object],
    together: float,
) -> None:
    scene = a_watched(algorithm, leverage, sizing, together)
    names = {instrument.base: symbol for symbol, instrument in scene.instruments.items()}
    mids = dict.fromkeys(names.values(), 100.0)
    for number, (kind, base, move, win) in enumerate(events):
        symbol = names[base]
        if kind == "price":
            mids[symbol] = max(5.0, mids[symbol] * (1 + move))
            scene.price(round(mids[symbol], 2), symbol, size=200.0 if number % 3 else 3.0)
        elif kind == "forecast":
            side = -1 if leverage > 1 and move < 0 else 1
            mid = mids[symbol]
            context = replace(PEAK if side < 0 else DIP, close=mid, sma_50=mid, atr_14=atr * mid / 100)
            scene.now_ms += 1
            scene.heard_forecast(0.03 * side, symbol, win=win, context=context, age_ms=0)
        elif kind == "fill":
            if scene.has_unanswered:
                scene.answer_next()
        elif kind == "fill all":
            scene.oblige()
        elif kind == "tick":
            scene.tick()
        else:
            scene.wait(30_000 if number % 2 else MINUTE_MS)


def test_the_witness_saw_entries() -> None:
    """It judges: an engine that approves nothing would pass everything above."""
    Watched.approved = 0
    scene = a_watched("market", 1)
    for symbol in scene.instruments:
        scene.heard_forecast(0.03, symbol)
    assert Watched.approved >= 3
