"""A short, numbered stretch of market inputs of every kind, as the engine eats them."""

from decimal import Decimal

from tests.kit.builders import an_instrument
from trader.adapters.parquet.spool import Recorded, pack
from trader.domain.events import (
    BookUpdated,
    CandleClosed,
    InstrumentChanged,
    StreamChanged,
    StreamState,
    Ticked,
    TradePrinted,
)
from trader.domain.market import Book, Candle, Trade

DAY_MS = 86_400_000
MIDNIGHT_MS = 20_000 * DAY_MS  # 2024-10-04
DAY, NEXT_DAY = "2024-10-04", "2024-10-05"
SYMBOLS = ("BTC/USDT", "ETH/USDT:USDT")


def market_inputs(
    count: int, *, first_seq: int = 1, start_ms: int = MIDNIGHT_MS, step_ms: int = 1_000
) -> list[Recorded]:
    """`count` events; every fifth number belongs to the ledger and is left out, trades have none."""
    made: list[Recorded] = []
    for index in range(count):
        seq, now_ms = first_seq + index + index // 4, start_ms + index * step_ms
        symbol, price = SYMBOLS[index % 2], 100.1 + index / 7
        match index % 8:
            case 0:
                candle = Candle(
                    symbol, now_ms - 60_000, now_ms, price, price + 1, price - 1, price, 0.1 + index, index % 16 == 0
                )
                made.append(CandleClosed(seq=seq, ts_ms=now_ms, candle=candle))
            case 1:
                made.append(Ticked(seq=seq, ts_ms=now_ms, errors_last_minute=index, clock_offset_ms=0.1 * index))
            case 2:
                made.append(
                    TradePrinted(trade=Trade(symbol, now_ms, f"t{index}", price, 1e-5 * index, bool(index & 4)))
                )
            case 3:
                made.append(
                    StreamChanged(seq=seq, ts_ms=now_ms, symbol=symbol, state=StreamState.STALE, reason="silent")
                )
            case 4 if index % 16 == 4:
                changed = an_instrument(symbol, tick=str(Decimal("0.01")))
                made.append(InstrumentChanged(seq=seq, ts_ms=now_ms, instrument=changed))
            case _:
                depth = 20 - index % 3  # a thin book has fewer levels
                bids = tuple((price - 0.1 * level, 0.3 + level / 3) for level in range(depth))
                asks = tuple((price + 0.1 * (level + 1), 0.7 + level / 9) for level in range(20))
                made.append(BookUpdated(seq=seq, ts_ms=now_ms, book=Book(symbol, now_ms - 3, bids, asks)))
    return made


def numbered(events: list[Recorded]) -> list[Recorded]:
    return [event for event in events if not isinstance(event, TradePrinted)]


def packed(session: int, first: int, events: list[Recorded]) -> bytes:
    """The frame that a daemon would send."""
    return pack(
        session,
        first,
        events,
        last_seq=max((event.seq for event in events), default=0),
        at_ms=max((event.ts_ms for event in events), default=0),
    )
