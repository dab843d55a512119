"""Random days at a simulated perpetual exchange, and a second, independent account of them."""

from collections import defaultdict
from decimal import Decimal

import msgspec
from hypothesis import strategies as st

from tests.property.simulation_days import Cancel, PrintTrade, ShowBook, Submit, instrument
from trader.domain.errors import Rejected
from trader.domain.instrument import InstrumentKind
from trader.domain.orders import OrderType, Side, TimeInForce
from trader.simulation.derivatives.perpetual import PerpetualExchange
from trader.simulation.records.conditional import Conditional, ConditionalKind, WorkingPrice
from trader.simulation.records.memory import Records
from trader.simulation.records.sim_orders import BalanceChanged, OrderChanged, SimEvent, SimOrder, SimRequest, SimTrade

D = Decimal
ZERO = D(0)
_TICK, _STEP = D("0.1"), D("0.01")  # of `instrument`
HOUR_MS = 3_600_000
START_MS = 1_736_121_600_000
OPENING = D(40)
RATE = D("0.0013")
NAMES = ("", "", "a", "b")


INSTRUMENTS = {each.symbol: each for each in (instrument(base, InstrumentKind.PERPETUAL) for base in ("BTC", "SOL"))}


class Mark(msgspec.Struct, frozen=True):
    symbol: str
    price: float


class Wait(msgspec.Struct, frozen=True):
    hours: int


class Amend(msgspec.Struct, frozen=True):
    pick: int
    quantity: Decimal
    price: Decimal


class PlaceConditional(msgspec.Struct, frozen=True):
    draft: Conditional


class CancelConditional(msgspec.Struct, frozen=True):
    pick: int


class Leverage(msgspec.Struct, frozen=True):
    symbol: str
    leverage: int


Step = ShowBook | PrintTrade | Mark | Wait | Submit | Amend | Cancel | PlaceConditional | CancelConditional | Leverage


class PerpetualDay:
    """Steps one second of market time apart, and longer where they say so."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps

    def __repr__(self) -> str:
        return "PerpetualDay([\n" + "".join(f"  {step},\n" for step in self.steps) + "])"

    def open(self, store: Records | None = None) -> PerpetualExchange:
        exchange = PerpetualExchange(
            INSTRUMENTS, opening_balances={"USDT": OPENING}, funding_rates=lambda _symbol, _due: RATE, store=store
        )
        if not exchange.now_ms:
            for symbol in INSTRUMENTS:
                exchange.on_mark(symbol, START_MS, 10.0)
        return exchange

    def do(self, exchange: PerpetualExchange, step: Step) -> str:
        """One step, a second later; returns what came of it ("" or the code of a refusal)."""
        try:
            self._act(exchange, step, exchange.now_ms + 1_000)
        except Rejected as error:
            return error.code
        return ""

    def _act(self, exchange: PerpetualExchange, step: Step, now_ms: int) -> None:
        match step:
            case ShowBook():
                exchange.on_book(step.symbol, now_ms, step.bids, step.asks)
            case PrintTrade():
                exchange.on_trade(step.symbol, now_ms, step.price, step.quantity, step.buyer_is_taker)
            case Mark():
                exchange.on_mark(step.symbol, now_ms, step.price)
            case Wait():
                exchange.on_trade(next(iter(INSTRUMENTS)), now_ms + step.hours * HOUR_MS, 10.0, 0.0, True)
            case Submit():
                exchange.submit(step.request, now_ms)
            case Amend():
                if found := exchange.open_orders():
                    order = found[step.pick % len(found)]
                    exchange.amend(
                        order.symbol, now_ms, quantity=step.quantity, price=step.price, exchange_id=order.exchange_id
                    )
            case Cancel():
                if found := exchange.open_orders():
                    order = found[step.pick % len(found)]
                    exchange.cancel(order.symbol, now_ms, exchange_id=order.exchange_id)
            case PlaceConditional():
                exchange.place_conditional(step.draft, now_ms)
            case CancelConditional():
                if waiting := exchange.waiting_conditionals():
                    number = waiting[step.pick % len(waiting)].conditional_id
                    exchange.cancel_conditional(now_ms, conditional_id=number)
            case Leverage():
                exchange.set_leverage(step.symbol, step.leverage, now_ms)


def all_trades(exchange: PerpetualExchange) -> list[SimTrade]:
    found = [trade for symbol in INSTRUMENTS for trade in exchange.trades(symbol)]
    return sorted(found, key=lambda trade: trade.trade_id)


def all_orders(exchange: PerpetualExchange) -> list[SimOrder]:
    found = [order for symbol in INSTRUMENTS for order in exchange.orders(symbol)]
    return sorted(found, key=lambda order: order.exchange_id)


class SecondAccount:
    """Follows an exchange by what it tells alone, with arithmetic of its own: totals instead of averages."""

    def __init__(self, exchange: PerpetualExchange) -> None:
        self.wallet = OPENING
        self.quantity: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.marks = dict.fromkeys(INSTRUMENTS, D(10))
        self.paid: defaultdict[str, Decimal] = defaultdict(Decimal)  # for what is held: wallet + profit are one sum
        self.first_liquidation: str | None = None
        self._exchange = exchange
        exchange.subscribe(self._hear)

    def margin_balance(self) -> Decimal:
        """Wallet and profit: the cash of every trade, and what is held at its mark."""
        held = sum((self.quantity[s] * self.marks[s] for s in INSTRUMENTS), ZERO)
        return self.wallet - sum(self.paid.values(), ZERO) + held

    def maintenance(self) -> Decimal:
        total = ZERO
        for symbol in INSTRUMENTS:
            value = abs(self.quantity[symbol]) * self.marks[symbol]
            total += max(value * each.rate - each.deduction for each in self._exchange.brackets(symbol))
        return total

    def _hear(self, event: SimEvent) -> None:
        if isinstance(event, BalanceChanged):
            for balance in event.balances:  # one asset only
                self.wallet = balance.total
            return
        if not isinstance(event, OrderChanged):
            return
        if event.kind == "new" and event.order.client_id.startswith("autoclose-") and self.first_liquidation is None:
            self.first_liquidation = f"{self.margin_balance()} {self.maintenance()}"
            assert self.margin_balance() < self.maintenance(), "liquidated too early"
        if event.trade is not None:
            self._trade(event.trade)

    def _trade(self, trade: SimTrade) -> None:
        signed = trade.side.sign * trade.quantity
        self.wallet += trade.realised - trade.fee
        self.paid[trade.symbol] += signed * trade.price + trade.realised
        self.quantity[trade.symbol] += signed


_symbols = st.sampled_from(sorted(INSTRUMENTS))
_sides = st.sampled_from(Side)
_prices = st.integers(85, 115).map(lambda tick: tick / 10)
_exact_prices = st.integers(93, 107).map(lambda tick: tick * _TICK)
_sizes = st.integers(500, 10_000).map(lambda hundredths: hundredths / 100)
_quantities = st.integers(1, 10_000).map(lambda steps: steps * _STEP)


@st.composite
def _books(draw: st.DrawFn) -> ShowBook:
    middle, depth = draw(st.integers(90, 110)), draw(st.integers(1, 5))
    spread = draw(st.integers(1, 4))
    bids = tuple(((middle - i) / 10, draw(_sizes)) for i in range(depth))
    asks = tuple(((middle + spread + i) / 10, draw(_sizes)) for i in range(depth))
    return ShowBook(draw(_symbols), bids, asks)


@st.composite
def _requests(draw: st.DrawFn) -> SimRequest:
    symbol, name, side, quantity = draw(_symbols), draw(st.sampled_from(NAMES)), draw(_sides), draw(_quantities)
    kind = draw(st.sampled_from(["market", "market", "limit", "limit", "ioc", "fok", "post_only"]))
    reduce_only = draw(st.booleans()) and draw(st.booleans())
    if kind == "market":
        return SimRequest(symbol, name, side, OrderType.MARKET, quantity, reduce_only=reduce_only)
    force = TimeInForce(kind) if kind in ("ioc", "fok") else TimeInForce.GTC
    return SimRequest(
        symbol, name, side, OrderType.LIMIT, quantity, draw(_exact_prices), time_in_force=force,
        post_only=kind == "post_only", reduce_only=reduce_only,
    )  # fmt: skip


@st.composite
def _drafts(draw: st.DrawFn) -> Conditional:
    kind = draw(st.sampled_from(ConditionalKind))
    is_trailing = kind is ConditionalKind.TRAILING_STOP_MARKET
    closes = not kind.has_limit and draw(st.booleans())
    return Conditional(
        conditional_id=0,
        client_id=draw(st.sampled_from(NAMES)),
        symbol=draw(_symbols),
        side=draw(_sides),
        kind=kind,
        quantity=None if closes else draw(_quantities),
        trigger_price=draw(st.none() | _exact_prices) if is_trailing else draw(_exact_prices),
        price=draw(_exact_prices) if kind.has_limit else None,
        time_in_force=TimeInForce.GTC,
        post_only=False,
        reduce_only=closes or draw(st.booleans()),
        working=draw(st.sampled_from(WorkingPrice)),
        created_ms=0,
        updated_ms=0,
        callback_frac=D("0.02") if is_trailing else ZERO,
    )


_steps: st.SearchStrategy[Step] = st.one_of(
    _books(),
    _books(),
    st.builds(PrintTrade, _symbols, _prices, _sizes, st.booleans()),
    st.builds(Mark, _symbols, _prices),
    st.builds(Mark, _symbols, st.integers(60, 140).map(lambda tick: tick / 10)),
    st.builds(Wait, st.integers(1, 20)),
    *[st.builds(Submit, _requests()) for _ in range(6)],
    st.builds(Amend, st.integers(0, 9), _quantities, _exact_prices),
    st.builds(Cancel, st.integers(0, 9)),
    st.builds(PlaceConditional, _drafts()),
    st.builds(CancelConditional, st.integers(0, 9)),
    st.builds(Leverage, _symbols, st.sampled_from([1, 5, 20, 75])),
)


@st.composite
def perpetual_days(draw: st.DrawFn) -> PerpetualDay:
    """A day that begins with a book of each symbol."""
    opening = [msgspec.structs.replace(draw(_books()), symbol=symbol) for symbol in sorted(INSTRUMENTS)]
    return PerpetualDay([*opening, *draw(st.lists(_steps, min_size=15, max_size=50))])
