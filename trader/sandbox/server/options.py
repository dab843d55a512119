"""What a sandbox is started with."""

import hashlib
from pathlib import Path
from typing import Literal

import msgspec

from trader.domain.errors import Misconfigured
from trader.domain.market import timeframe_ms
from trader.sandbox.faults.kinds import Fault
from trader.sandbox.market.listing import spot_symbol

BASE_TIMEFRAMES = ("1m", "3m", "5m", "15m", "30m", "1h")
MARKET_VERSION = 3  # raise it when the same seed would give another market: stored state is then not continued


class SandboxOptions(msgspec.Struct, frozen=True):
    """One sandbox. The same `directory` and the same market settings continue the same exchange."""

    directory: Path  # state, keys, certificates, pid and port; created 0700
    symbols: tuple[str, ...] = ("BTC/USDT", "ETH/USDT", "BNB/USDT", "SOL/USDT", "XRP/USDT")
    port: int = 0  # 0 = any free one
    seed: int = 7
    speed: float = 60.0  # market seconds per real second
    edge: float = 1.0  # strength of the predictable component; 0 = none
    timeframe: str = "1m"  # length of the base candle
    quote_balance: float = 10_000.0  # opening balance of the spot account and of the margined one
    idle_exit_s: float = 0.0  # end after so many real seconds without a client; 0 = never
    replay: Path | None = None  # folder of recorded candles or of recorded books; None = generated market
    recording: str = ""  # which of several recorded books; empty = the newest that all symbols have
    history: Path | None = None  # folder of candles of the time before a recorded book
    replay_offset_candles: int = 8_000  # history before the replay begins, at least this many candles
    history_candles: int = 10_080  # history before the generated market begins
    tick_s: float = 0.1  # real seconds between book updates
    api_key: str = ""  # empty: made up once and kept in the directory
    api_secret: str = ""
    request_weight_per_minute: int = 6_000  # real minute, of the spot exchange
    faults: tuple[Fault, ...] = ()  # active from the start
    market: Literal["named", "spot", "perpetual", "both"] = "named"  # list symbols as named, or all of them as this

    def validated(self) -> "SandboxOptions":
        """Itself, or `Misconfigured` naming the option."""
        if not self.symbols or len(set(self.symbols)) != len(self.symbols):
            raise Misconfigured(f"sandbox symbols {self.symbols!r} must be at least one, without repetition")
        if self.replay is None and self.timeframe not in BASE_TIMEFRAMES:
            raise Misconfigured(f"sandbox timeframe {self.timeframe!r}: allowed are {', '.join(BASE_TIMEFRAMES)}")
        timeframe_ms(self.timeframe)
        if not 0.1 <= self.speed <= 600:
            raise Misconfigured(f"sandbox speed {self.speed} must be from 0.1 to 600")
        if not 0 <= self.edge <= 5:
            raise Misconfigured(f"sandbox edge {self.edge} must be from 0 to 5")
        if self.quote_balance <= 0:
            raise Misconfigured(f"sandbox quote balance {self.quote_balance} must be above 0")
        if bool(self.api_key) != bool(self.api_secret):
            raise Misconfigured("sandbox api_key and api_secret: give both, or neither (they are then made up)")
        if not 0.02 <= self.tick_s <= 1:
            raise Misconfigured(f"sandbox tick_s {self.tick_s} must be from 0.02 to 1")
        if self.replay is not None and not self.replay.is_dir():
            raise Misconfigured(f"sandbox replay {str(self.replay)!r} is not a folder")
        if self.history is not None and not self.history.is_dir():
            raise Misconfigured(f"sandbox history {str(self.history)!r} is not a folder")
        return self

    @property
    def listed(self) -> tuple[str, ...]:
        """The unified symbols that are served: "BTC/USDT" is a spot pair, "BTC/USDT:USDT" its perpetual."""
        if self.market == "named":
            return self.symbols
        pairs = tuple(dict.fromkeys(spot_symbol(symbol) for symbol in self.symbols))
        perpetuals = tuple(f"{pair}:{pair.rpartition('/')[2]}" for pair in pairs)
        return {"spot": pairs, "perpetual": perpetuals, "both": pairs + perpetuals}[self.market]

    def market_hash(self) -> str:
        """Names the market and account: state under another hash belongs to another exchange.

        Symbols are not part of it: each has its own random stream, so listing one more changes no other.
        """
        market: tuple[object, ...] = (
            MARKET_VERSION, self.seed, self.edge, self.timeframe, self.quote_balance,
            str(self.replay.resolve()) if self.replay else None, self.replay_offset_candles, self.history_candles,
        )  # fmt: skip
        if self.recording or self.history:
            market += (self.recording, str(self.history.resolve()) if self.history else None)
        return hashlib.blake2b(msgspec.json.encode(market), digest_size=8).hexdigest()

    def process_hash(self) -> str:
        """Names what a running process serves: the market and how fast."""
        served = f"{self.market_hash()} {sorted(self.listed)} {self.speed} {self.tick_s}"
        return hashlib.blake2b(served.encode(), digest_size=8).hexdigest()


def make_private(directory: Path) -> None:
    """Make `directory` (0700) where it is missing. Raises `Misconfigured` where that cannot be had."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except (FileExistsError, NotADirectoryError):
        raise Misconfigured(f"{directory}: is in the way of the sandbox's directory; name another") from None
    except OSError as error:
        raise Misconfigured(f"{directory}: cannot be made: {error.strerror}; name a writable directory") from error
