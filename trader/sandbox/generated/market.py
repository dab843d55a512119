"""The generated market as a source: its history, its live candles, and where it goes on after a restart."""

from collections.abc import Mapping
from typing import Protocol

import msgspec
import numpy as np

from trader.sandbox.generated.generator import BLOCK_CANDLES, FactorStream, GeneratorState, SymbolPath, SymbolStream
from trader.sandbox.generated.perpetual import PerpetualPath
from trader.sandbox.market.listing import Listing, is_perpetual, listing_for, spot_symbol
from trader.sandbox.market.premium import GeneratedPremium
from trader.sandbox.market.source import CandlePlan, Floats, Ints

EPOCH_MS = 1_736_121_600_000  # 2025-01-06T00:00:00Z, a Monday: where every generated market goes live
_FACTOR = "*"  # the factor's key among the stream states; no symbol has this name


class BlobStore(Protocol):
    """Durable bytes by key (`simulation.store` has them)."""

    def put_blob(self, key: str, value: bytes) -> None: ...
    def get_blob(self, key: str) -> bytes | None: ...


class GeneratedMarket:
    """Candles are numbered from the start of history. Stream states are stored at every block's start, so that a
    restart recomputes the last days instead of storing them. A perpetual follows the stream of its spot pair,
    whether that is listed or not."""

    def __init__(
        self,
        listings: Mapping[str, Listing],
        *,
        seed: int,
        edge: float,
        base_ms: int,
        history_candles: int,
        blobs: BlobStore,
    ) -> None:
        self._listings = dict(listings)
        self._streamed = {name: listings.get(name) or listing_for(name) for name in map(spot_symbol, listings)}
        self._perpetuals = {
            symbol: PerpetualPath(self._streamed[spot_symbol(symbol)], listing, GeneratedPremium(seed, symbol), base_ms)
            for symbol, listing in listings.items()
            if is_perpetual(symbol)
        }
        self._seed = seed
        self._edge = edge
        self.base_ms = base_ms
        self._history = history_candles
        self._blobs = blobs
        self._factor = FactorStream(seed)
        self._symbols: dict[str, SymbolStream] = {}
        self._next = 0  # number of the next candle

    @property
    def start_ms(self) -> int:
        return EPOCH_MS

    @property
    def end_ms(self) -> int | None:
        return None

    @property
    def _origin_ms(self) -> int:
        return EPOCH_MS - self._history * self.base_ms

    def begin(self, now_ms: int) -> dict[str, Floats]:
        target = (now_ms - self._origin_ms) // self.base_ms
        kept_from = max(0, target - self._history) // BLOCK_CANDLES
        starts = self._restore(kept_from)
        parts: dict[str, list[Floats]] = {symbol: [] for symbol in self._listings}
        while self._next < target:
            block = self._next // BLOCK_CANDLES
            self._store(block)
            m = min((block + 1) * BLOCK_CANDLES, target) - self._next
            paths, open_ms = self._advance(m, {s for s, start in starts.items() if start <= block})
            if block >= kept_from:
                for symbol, path in self._listed(paths, open_ms).items():
                    parts[symbol].append(columns(self._listings[symbol], open_ms, path))
        return {symbol: np.concatenate(chunks) for symbol, chunks in parts.items()}

    def plan(self, open_ms: int) -> dict[str, CandlePlan]:
        number = (open_ms - self._origin_ms) // self.base_ms
        if number != self._next:
            raise ValueError(f"candle {number} asked for, {self._next} comes next")
        if number % BLOCK_CANDLES == 0:
            self._store(number // BLOCK_CANDLES)
        paths, opens = self._advance(1, set(self._symbols))
        listed = self._listed(paths, opens)
        return {symbol: _plan(self._listings[symbol], opens, path) for symbol, path in listed.items()}

    def _advance(self, m: int, active: set[str]) -> tuple[dict[str, SymbolPath], Ints]:
        open_ms = self._origin_ms + (self._next + np.arange(m, dtype=np.int64)) * self.base_ms
        factor = self._factor.advance(m)
        paths = {s: stream.advance(open_ms, factor) for s, stream in self._symbols.items() if s in active}
        self._next += m
        return paths, open_ms

    def _listed(self, paths: Mapping[str, SymbolPath], open_ms: Ints) -> dict[str, SymbolPath]:
        """What is shown of what was made: the listed pairs, and the perpetuals that follow them."""
        shown = {symbol: path for symbol, path in paths.items() if symbol in self._listings}
        for symbol, perpetual in self._perpetuals.items():
            followed = paths.get(spot_symbol(symbol))
            if followed is not None:
                shown[symbol] = perpetual.along(followed, open_ms)
        return shown

    def _restore(self, block: int) -> dict[str, int]:
        """Sets the streams to the latest stored state not after `block`; the block each symbol goes on from.

        A symbol the stored block does not know (newly listed) is made from the very beginning.
        """
        states = self._load(block)
        starts = {symbol: block if symbol in states and _FACTOR in states else 0 for symbol in self._streamed}
        first = min(starts.values())
        self._factor = FactorStream(self._seed, states.get(_FACTOR) if first == block else None)
        self._symbols = {
            symbol: SymbolStream(
                self._seed, listing, self._edge, self.base_ms, states.get(symbol) if starts[symbol] == block else None
            )
            for symbol, listing in self._streamed.items()
        }
        self._next = first * BLOCK_CANDLES
        return starts

    def _load(self, block: int) -> dict[str, GeneratorState]:
        stored = self._blobs.get_blob(f"generator:{block}")
        return msgspec.msgpack.decode(stored, type=dict[str, GeneratorState]) if stored else {}

    def _store(self, block: int) -> None:
        """Keeps the states at the start of `block`; states of symbols not listed now are left alone."""
        known = self._load(block)
        current = {s: stream.snapshot() for s, stream in self._symbols.items()} | {_FACTOR: self._factor.snapshot()}
        reached = {name: state for name, state in current.items() if state.next_candle == block * BLOCK_CANDLES}
        if reached.keys() - known.keys():
            self._blobs.put_blob(f"generator:{block}", msgspec.msgpack.encode(known | reached))


def columns(listing: Listing, open_ms: Ints, path: SymbolPath) -> Floats:
    """Finished candles (m, len(COLUMNS)) of a path, rounded to the decimals of price and quantity."""
    price = np.round(path.price_ticks * float(listing.instrument.price_tick), listing.price_decimals)
    quantity = np.round(path.quantity_steps * float(listing.instrument.quantity_step), listing.quantity_decimals)
    quote = price * quantity
    taker = path.buyer_is_taker
    volume = np.round(quantity.sum(axis=1), listing.quantity_decimals)
    taker_base = np.round((quantity * taker).sum(axis=1), listing.quantity_decimals)
    rows = (
        open_ms.astype(np.float64), price[:, 0], price.max(axis=1), price.min(axis=1), price[:, -1], volume,
        np.round(quote.sum(axis=1), 8), np.full(len(open_ms), price.shape[1], dtype=np.float64), taker_base,
        np.round((quote * taker).sum(axis=1), 8),
    )  # fmt: skip
    return np.stack(rows, axis=1)


def _plan(listing: Listing, open_ms: Ints, path: SymbolPath) -> CandlePlan:
    return CandlePlan(
        open_ms=int(open_ms[0]),
        price_ticks=tuple(path.price_ticks[0].tolist()),
        quantity_steps=tuple(path.quantity_steps[0].tolist()),
        buyer_is_taker=tuple(path.buyer_is_taker[0].tolist()),
        volatility=float(path.volatility[0]),
        row=tuple(columns(listing, open_ms, path)[0].tolist()),
    )
