"""Random days at a simulated exchange: books, trades, candles, orders of all kinds, cancels, replacements."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec
from hypothesis import strategies as st

from trader.domain.errors import Rejected
from trader.domain.instrument import Instrument, InstrumentKind
from trader.domain.market import Candle, Levels
from trader.domain.orders import OrderType, Side, TimeInForce
from trader.simulation.exchange import SimulatedExchange
from trader.simulation.records.memory import Records
from trader.simulation.records.sim_orders import SimOrder, SimRequest, SimTrade

D = Decimal
_TICK, _STEP = D("0.1"), D("0.01")
NAMES = ("", "", "", "a", "b", "c")  # the exchange names the unnamed


def instrument(base: str, kind: InstrumentKind = InstrumentKind.SPOT) -> Instrument:
    """A small instrument: prices in tenths, quantities in hundredths."""
    return Instrument(
        symbol=f"{base}/USDT" if kind is InstrumentKind.SPOT else f"{base}/USDT:USDT",
        base=base,
        quote="USDT",
        kind=kind,
        price_tick=_TICK,
        quantity_step=_STEP,
        min_quantity=_STEP,
        max_quantity=D(0),
        min_notional=D(1),
        maker_fee_frac=0.00075,
        taker_fee_frac=0.001,
    )


INSTRUMENTS = {each.symbol: each for each in (instrument("BTC"), instrument("ETH"))}


class ShowBook(msgspec.Struct, frozen=True):
    symbol: str
    bids: Levels
    asks: Levels


class PrintTrade(msgspec.Struct, frozen=True):
    symbol: str
    price: float
    quantity: float
    buyer_is_taker: bool


class CloseCandle(msgspec.Struct, frozen=True):
    symbol: str
    open: float
    high: float
    low: float
    close: float
    volume: float


class Forget(msgspec.Struct, frozen=True):
    symbol: str


class Submit(msgspec.Struct, frozen=True):
    request: SimRequest


class Cancel(msgspec.Struct, frozen=True):
    """Of the `pick`-th open order, modulo their number."""

    pick: int


class Replace(msgspec.Struct, frozen=True):
    """Of the `pick`-th open order of the request's symbol."""

    pick: int
    request: SimRequest


Step = ShowBook | PrintTrade | CloseCandle | Forget | Submit | Cancel | Replace


class Day:
    """Steps one second of market time apart, and what is displayed meanwhile."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps
        self.instruments: Mapping[str, Instrument] = INSTRUMENTS
        self.opening = {"USDT": D(3_000), "BTC": D(10), "ETH": D(10)}
        self._shown: dict[tuple[str, Side], dict[Decimal, Decimal]] = {}
        self._last_book: dict[str, ShowBook] = {}

    def __repr__(self) -> str:
        return "Day([\n" + "".join(f"  {step},\n" for step in self.steps) + "])"

    def open(self, store: Records | None = None) -> SimulatedExchange:
        return SimulatedExchange(self.instruments, opening_balances=self.opening, store=store)

    def do(self, exchange: SimulatedExchange, step: Step) -> str:
        """One step, a second later; returns what came of it ("" or the code of a refusal)."""
        now_ms = exchange.now_ms + 1_000
        try:
            self._act(exchange, step, now_ms)
        except Rejected as error:
            return error.code
        return ""

    def _act(self, exchange: SimulatedExchange, step: Step, now_ms: int) -> None:
        match step:
            case ShowBook():
                exchange.on_book(step.symbol, now_ms, step.bids, step.asks)
            case PrintTrade():
                exchange.on_trade(step.symbol, now_ms, step.price, step.quantity, step.buyer_is_taker)
            case CloseCandle():
                prices = (step.open, step.high, step.low, step.close, step.volume)
                exchange.on_candle(Candle(step.symbol, now_ms - 500, now_ms, *prices))
            case Forget():
                exchange.forget_book(step.symbol)
            case Submit():
                exchange.submit(step.request, now_ms)
            case Cancel():
                if found := exchange.open_orders():
                    order = found[step.pick % len(found)]
                    exchange.cancel(order.symbol, now_ms, exchange_id=order.exchange_id)
            case Replace():
                found = exchange.open_orders(step.request.symbol)
                name = found[step.pick % len(found)].client_id if found else "none"
                exchange.replace(step.request, now_ms, client_id=name)

    def all_trades(self, exchange: SimulatedExchange) -> list[SimTrade]:
        found = [trade for symbol in self.instruments for trade in exchange.trades(symbol)]
        return sorted(found, key=lambda trade: trade.trade_id)

    def all_orders(self, exchange: SimulatedExchange) -> list[SimOrder]:
        found = [order for symbol in self.instruments for order in exchange.orders(symbol)]
        return sorted(found, key=lambda order: order.exchange_id)

    def count_against_display(self, step: Step, trades: list[SimTrade]) -> None:
        """Take what `step` traded as taker off the last displayed book; fails if a level did not hold it.

        Candles display nothing: on their symbols only the volume bounds, see `offered_to_makers`.
        """
        if isinstance(step, ShowBook):
            self._last_book[step.symbol] = step
            for side, levels in ((Side.SELL, step.bids), (Side.BUY, step.asks)):
                self._shown[step.symbol, side] = {D(str(price)): D(str(size)) for price, size in levels}
        elif isinstance(step, Forget):
            self._last_book.pop(step.symbol, None)
        for trade in trades:
            if trade.is_maker or trade.symbol not in self._last_book:
                continue
            left = self._shown[trade.symbol, trade.side]
            assert trade.price in left, f"{trade} at a price nobody showed"
            left[trade.price] -= trade.quantity
            assert left[trade.price] >= 0, f"{trade} took more than was shown"

    def offered_to_makers(self, step: Step, side: Side) -> Decimal:
        """Most that `step` can bring to resting orders of `side`."""
        match step:
            case ShowBook():
                return sum((D(str(size)) for _, size in (step.asks if side is Side.BUY else step.bids)), D(0))
            case PrintTrade():
                hits = Side.SELL if step.buyer_is_taker else Side.BUY
                return D(str(step.quantity)) if side is hits else D(0)
            case CloseCandle():
                return D(str(step.volume))
            case _:
                return D(0)


def _floats(ticks: st.SearchStrategy[int]) -> st.SearchStrategy[float]:
    return ticks.map(lambda tick: tick / 10)


_symbols = st.sampled_from(sorted(INSTRUMENTS))
_sides = st.sampled_from(Side)
_prices = _floats(st.integers(85, 115))
_exact_prices = st.integers(85, 115).map(lambda tick: tick * _TICK)
_sizes = st.integers(0, 500).map(lambda hundredths: hundredths / 100)
_quantities = st.integers(1, 800).map(lambda steps: steps * _STEP)


@st.composite
def _books(draw: st.DrawFn) -> ShowBook:
    middle, depth = draw(st.integers(85, 115)), draw(st.integers(1, 5))
    spread = draw(st.integers(1, 4))
    bids = tuple(((middle - i) / 10, draw(_sizes)) for i in range(depth))
    asks = tuple(((middle + spread + i) / 10, draw(_sizes)) for i in range(depth))
    return ShowBook(draw(_symbols), bids, asks)


@st.composite
def _candles(draw: st.DrawFn) -> CloseCandle:
    opened, closed = draw(_prices), draw(_prices)
    high = max(opened, closed) + draw(_floats(st.integers(0, 10)))
    low = min(opened, closed) - draw(_floats(st.integers(0, 10)))
    return CloseCandle(draw(_symbols), opened, round(high, 1), round(low, 1), closed, draw(_sizes))


@st.composite
def _requests(draw: st.DrawFn) -> SimRequest:
    symbol, name, side, quantity = draw(_symbols), draw(st.sampled_from(NAMES)), draw(_sides), draw(_quantities)
    kind = draw(st.sampled_from(["market", "quote", "limit", "limit", "limit", "ioc", "post_only", "stop", "stop"]))
    price = draw(_exact_prices)
    match kind:
        case "market":
            return SimRequest(symbol, name, side, OrderType.MARKET, quantity)
        case "quote":
            return SimRequest(symbol, name, side, OrderType.MARKET, None, quote_quantity=quantity * 10)
        case "stop":
            return SimRequest(symbol, name, side, OrderType.STOP_MARKET, quantity, stop_price=price)
        case "ioc":
            return SimRequest(symbol, name, side, OrderType.LIMIT, quantity, price, time_in_force=TimeInForce.IOC)
        case _:
            return SimRequest(symbol, name, side, OrderType.LIMIT, quantity, price, post_only=kind == "post_only")


_steps: st.SearchStrategy[Step] = st.one_of(
    _books(),
    _books(),
    st.builds(PrintTrade, _symbols, _prices, _sizes, st.booleans()),
    _candles(),
    st.builds(Forget, _symbols),
    st.builds(Submit, _requests()),
    st.builds(Submit, _requests()),
    st.builds(Submit, _requests()),
    st.builds(Cancel, st.integers(0, 9)),
    st.builds(Replace, st.integers(0, 9), _requests()),
)


@st.composite
def days(draw: st.DrawFn) -> Day:
    """A day that begins with a book of each symbol."""
    opening = [msgspec.structs.replace(draw(_books()), symbol=symbol) for symbol in sorted(INSTRUMENTS)]
    return Day([*opening, *draw(st.lists(_steps, min_size=15, max_size=50))])
