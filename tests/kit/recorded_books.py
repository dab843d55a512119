"""Writes small recordings of order books, in the files that recorders leave."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

START_MS = 1_736_121_600_000  # 2025-01-06T00:00:00Z
SKEW_MS = -1_270  # how far the recorder's clock runs behind the exchange's

Levels = Sequence[tuple[str, float, float]]  # (bid or ask, price, size)


class Recorder:
    """One recording of one symbol; messages in the order in which these are called. `at` counts ms from START_MS."""

    def __init__(self, *, is_futures: bool = False) -> None:
        self.is_futures = is_futures
        self.rows: dict[str, list[dict[str, Any]]] = {"l2": [], "trades": [], "bbo": [], "mark": []}
        self._msg = 0
        self._last_update = 0
        self._trade_id = 1_000

    def diff(self, at: int, first: int, last: int, levels: Levels, *, previous: int | None = None) -> None:
        """A depth update; the one before it is the last one written unless `previous` says otherwise."""
        known = self._last_update if previous is None else previous
        self._last_update = last
        self._depth(at, first, last, known, levels, is_snapshot=False)

    def snapshot(self, at: int, update_id: int, levels: Levels) -> None:
        self._depth(at, update_id, update_id, None, levels, is_snapshot=True)

    def trade(
        self, at: int, price: float, size: float, side: str, *, matched: int | None = None, kind: str = "MARKET"
    ) -> None:
        self._trade_id += 1
        row = {
            **self._message(at), "ts_trade_ms": START_MS + (at if matched is None else matched),
            "trade_id": self._trade_id, "price": price, "size": size, "side": side,
        }  # fmt: skip
        self.rows["trades"].append(row | ({"order_type": kind} if self.is_futures else {}))

    def quote(self, at: int, update_id: int, bid: float, bid_size: float, ask: float, ask_size: float) -> None:
        message = self._message(at)
        if not self.is_futures:
            del message["ts_exch_ms"]
        row = {"bid_price": bid, "bid_size": bid_size, "ask_price": ask, "ask_size": ask_size}
        self.rows["bbo"].append({**message, "update_id": update_id, **row})

    def mark(self, at: int, mark: float, index: float, rate: float, next_funding_ms: int) -> None:
        prices = {"mark_price": mark, "index_price": index, "est_settle_price": index}
        self.rows["mark"].append(
            {**self._message(at), **prices, "funding_rate": rate, "next_funding_ms": next_funding_ms}
        )

    def write(self, folder: Path, market_id: str, name: str = "20250106T0000") -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        for kind, rows in self.rows.items():
            if rows:
                pq.write_table(pa.Table.from_pylist(rows), folder / f"{market_id}-{name}-{kind}.parquet")

    def _message(self, at: int) -> dict[str, Any]:
        number, self._msg = self._msg, self._msg + 1
        return {"msg": number, "ts_recv_ns": (START_MS + at + SKEW_MS) * 1_000_000, "ts_exch_ms": START_MS + at}

    def _depth(
        self, at: int, first: int, last: int, previous: int | None, levels: Levels, *, is_snapshot: bool
    ) -> None:
        message = {**self._message(at), "first_update_id": first, "last_update_id": last, "is_snapshot": is_snapshot}
        if self.is_futures:
            message["prev_update_id"] = previous
        elif is_snapshot:
            message["ts_exch_ms"] = None
        for side, price, size in levels:
            self.rows["l2"].append({**message, "side": side, "price": price, "size": size})


def quiet_minutes(*, is_futures: bool = False, minutes: int = 3) -> Recorder:
    """A book around 100 that hardly moves, begun 10 s before a minute, with a trade of 1 every 10 s.

    Updates before the snapshot (id 100): one that it holds, one that it overlaps.
    """
    made = Recorder(is_futures=is_futures)
    made.diff(50_000, 90, 95, [("bid", 99.0, 7.0)], previous=89)
    made.diff(50_100, 96, 103, [("bid", 99.9, 4.0), ("ask", 100.1, 5.0)])
    made.snapshot(
        50_050,
        100,
        [("bid", 99.9, 3.0), ("bid", 99.8, 2.0), ("bid", 99.0, 7.5), ("ask", 100.1, 3.0), ("ask", 100.2, 2.0)],
    )
    made.quote(50_150, 104, 99.9, 4.0, 100.1, 5.0)
    update = 103
    for number in range(minutes * 6):
        at = 51_000 + number * 10_000
        made.trade(at, 99.9 if number % 2 else 100.1, 1.0, "sell" if number % 2 else "buy")
        made.diff(at + 100, update + 1, update + 2, [("bid", 99.8, 2.0 + number / 10)])
        update += 2
    return made


def lively_minutes(minutes: int, *, seed: int, price: float = 100.0) -> Recorder:
    """A deep book that wanders, an update and a trade every half second, begun on a minute with its snapshot."""
    made, draw = Recorder(), random.Random(seed)
    bid = round(price * 10)
    book = _around(bid)
    made.snapshot(0, 100, [(side, level / 10, size) for (side, level), size in book.items()])
    for number in range(minutes * 120):
        at, update = 100 + number * 500, 101 + number
        bid += draw.choice((-1, 0, 0, 1))
        moved = _around(bid, draw.random())
        gone = [(side, level / 10, 0.0) for side, level in book.keys() - moved.keys()]
        made.diff(at, update, update, [*((side, level / 10, size) for (side, level), size in moved.items()), *gone])
        is_buy = draw.random() < 0.5
        made.trade(
            at + 50, (bid + 1 if is_buy else bid) / 10, round(0.5 + draw.random(), 1), "buy" if is_buy else "sell"
        )
        book = moved
    return made


def _around(bid: int, share: float = 0.5) -> dict[tuple[str, int], float]:
    """Thirty levels a side, prices in tenths."""
    bids = {("bid", bid - level): round(20 + level * share, 1) for level in range(30)}
    return bids | {("ask", bid + 1 + level): round(20 + level * share, 1) for level in range(30)}
