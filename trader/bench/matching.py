"""How many book updates a second the simulated exchange matches, orders of ours waiting in them or not."""

from decimal import Decimal
from time import process_time

from trader.domain.instrument import Instrument, InstrumentKind
from trader.domain.market import Levels
from trader.domain.orders import OrderType, Side
from trader.simulation.exchange import SimulatedExchange
from trader.simulation.records.sim_orders import SimRequest

SYMBOLS = tuple(f"C{n}/USDT" for n in range(5))
_LEVELS = 20
NOW_MS = 1_700_000_000_000
BOOKS = 200  # then they come again


def measure(updates: int = 20_000) -> dict[str, float]:
    """Of processor time, in memory: books of 20 levels a side of five symbols, every one different from the last."""
    return {
        "book_updates_per_s": _updates_per_s(updates, orders=0),
        "book_updates_per_s_with_orders": _updates_per_s(updates, orders=3),
    }


def _updates_per_s(updates: int, orders: int) -> float:
    exchange = an_exchange(orders)
    shown = [a_book(number) for number in range(BOOKS)]
    began = process_time()
    for number in range(updates):
        symbol = SYMBOLS[number % len(SYMBOLS)]
        exchange.on_book(symbol, NOW_MS + number, *shown[number // len(SYMBOLS) % BOOKS])
    return updates / (process_time() - began)


def an_exchange(orders: int) -> SimulatedExchange:
    """What is measured: in every symbol `orders` of ours, in the queue at and behind the lowest best bid."""
    exchange = SimulatedExchange(
        {symbol: _instrument(symbol) for symbol in SYMBOLS}, opening_balances={"USDT": Decimal(10**6)}
    )
    for symbol in SYMBOLS:
        exchange.on_book(symbol, NOW_MS, *a_book(0))
        for number in range(orders):
            price = Decimal(9_990 - number) / 100
            exchange.submit(SimRequest(symbol, "", Side.BUY, OrderType.LIMIT, Decimal(1), price), NOW_MS)
    return exchange


def a_book(number: int) -> tuple[Levels, Levels]:
    """(bids, asks): the touch moves up and down, quantities change with every book."""
    bid = 9_990 + abs(number % 20 - 10)
    return (
        tuple(((bid - level) / 100, 1.0 + (number + level) % 7) for level in range(_LEVELS)),
        tuple(((bid + 1 + level) / 100, 1.0 + (number + level) % 5) for level in range(_LEVELS)),
    )


def _instrument(symbol: str) -> Instrument:
    return Instrument(
        symbol=symbol,
        base=symbol.partition("/")[0],
        quote="USDT",
        kind=InstrumentKind.SPOT,
        price_tick=Decimal("0.01"),
        quantity_step=Decimal("0.001"),
        min_quantity=Decimal("0.001"),
        max_quantity=Decimal(9_000),
        min_notional=Decimal(5),
        maker_fee_frac=0.001,
        taker_fee_frac=0.001,
    )
