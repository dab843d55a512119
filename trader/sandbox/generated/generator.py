"""A seeded crypto market: volatility clustering, jumps, a common factor, a daily pattern, and a known edge.

Per symbol and base candle (all logarithms):

    r        = drift + sqrt(share) * factor + sqrt(1 - share) * own          one number for each of K steps
    factor   = s_F * normal (+ jump)      s_F = exp(h_F - var)   h_F: AR(1), so volatility clusters
    own      = s_i * normal (+ jump)      s_i likewise
    drift    = edge * 5 * (x - x before)  x = 0.6 x_F + 0.8 x_i, AR(2) with unit variance: a noisy cycle
    scale    = annual volatility / sqrt(candles a year) * daily pattern, for all of them

`edge` is the predictable component: prices overshoot and swing back in a damped cycle of about 48 candles, so the
recent past tells x, and x tells the next candles. With edge = 1 a regression of the 16-candle forward return on
past returns ranks with an information coefficient of 0.5 to 0.7; with edge = 0 the price is a martingale and
there is nothing to find. Real markets are near 0.

Only trade prices are generated; books are built around them (`depth`). Every symbol and the factor draw from
random streams of their own, in one order, so neither the other symbols listed nor how many candles are made at
once changes a price: history, live path and restart agree bit for bit. Past a factor of three from its base
price a pull towards it sets in (once per 1,440 candles), so that a sandbox may run for months.
"""

import math
import zlib
from itertools import accumulate

import msgspec
import numpy as np

from trader.domain.units import DAY_MS, HOUR_MS, MINUTE_MS, YEAR_MS
from trader.sandbox.market.listing import Listing
from trader.sandbox.market.source import STEPS_PER_CANDLE, Bools, Floats, Ints

BLOCK_CANDLES = 1_440  # state is kept, and the pull renewed, at multiples of this
_CANDLES_A_YEAR_MS = YEAR_MS
_LOG_VOLATILITY_SD = 0.45
_LOG_VOLATILITY_CANDLES = 180.0  # time constant of volatility clusters
_CYCLE_CANDLES = 48.0  # period of the predictable swing
_CYCLE_DAMPING_CANDLES = 150.0  # how long it keeps its phase
_CYCLE_STRENGTH = 5.0  # standard deviation of the swing, in candle standard deviations, at edge 1
_FACTOR_DRIFT, _OWN_DRIFT = 0.6, 0.8  # 0.6^2 + 0.8^2 = 1
_JUMP_PROBABILITY = 1 / 700  # per candle
_JUMP_SIZE = 6.0  # standard deviations of a candle
_FREE_RANGE = math.log(3.0)
_PULL_PER_BLOCK = 0.25


class GeneratorState(msgspec.Struct):
    """Everything one random stream needs to go on."""

    bits: dict[str, str]  # PCG64 state of each of its generators
    log_volatility: float = 0.0
    cycle: float = 0.0  # of the predictable swing: now, and one candle ago
    cycle_before: float = 0.0
    log_price: float = 0.0
    pull: float = 0.0  # per step
    next_candle: int = 0


class FactorPath(msgspec.Struct, frozen=True):
    """The common factor over m candles, on the scale of one standard deviation a candle."""

    steps: Floats  # (m, K)
    volatility: Floats  # (m,), 1.0 = usual
    drift: Floats  # (m,)


class SymbolPath(msgspec.Struct, frozen=True):
    """m candles of one symbol, each of K trades."""

    price_ticks: Ints  # (m, K)
    quantity_steps: Ints  # (m, K)
    buyer_is_taker: Bools  # (m, K)
    volatility: Floats  # (m,), 1.0 = usual


def daily_pattern(open_ms: Ints) -> Floats:
    """Activity by time of day, mean 1: quiet around 04:00 UTC, busiest around 15:00."""
    hours = (open_ms % DAY_MS) / HOUR_MS
    return 1.0 + 0.25 * np.cos((hours - 15.0) / 24.0 * 2.0 * np.pi) + 0.08 * np.cos((hours - 14.0) / 12.0 * 2.0 * np.pi)


class _Stream:
    """The latent part shared by the factor and each symbol: clustered unit-variance steps and a slow swing."""

    _PURPOSES = ("latent", "path", "jump", "size")

    def __init__(self, seed: int, name: str, state: GeneratorState | None) -> None:
        children = np.random.SeedSequence([seed, zlib.crc32(name.encode())]).spawn(len(self._PURPOSES))
        self._bits = {p: np.random.PCG64(child) for p, child in zip(self._PURPOSES, children, strict=True)}
        self._draw = {purpose: np.random.Generator(bits) for purpose, bits in self._bits.items()}
        self.state = state or GeneratorState(bits={})
        for purpose, stored in self.state.bits.items():
            _restore(self._bits[purpose], stored)

    def steps(self, m: int) -> tuple[Floats, Floats, Floats]:
        """(steps (m, K) with unit variance a candle on average, relative volatility (m,), change of the swing (m,))."""
        shocks = self._draw["latent"].standard_normal((m, 2))
        log_volatility = _ar1(self.state.log_volatility, shocks[:, 0], _LOG_VOLATILITY_CANDLES, _LOG_VOLATILITY_SD)
        drift = self._swing(shocks[:, 1])
        self.state.log_volatility = float(log_volatility[-1])
        volatility = np.exp(log_volatility - _LOG_VOLATILITY_SD**2)  # so that its mean square is 1
        noise = self._draw["path"].standard_normal((m, STEPS_PER_CANDLE)) / math.sqrt(STEPS_PER_CANDLE)
        return noise * volatility[:, None] + self._jumps(m), volatility, drift

    def _swing(self, shocks: Floats) -> Floats:
        """Changes (m,) of a stationary AR(2) with unit variance and complex roots: a cycle that loses its phase."""
        damping = math.exp(-1.0 / _CYCLE_DAMPING_CANDLES)
        first, second = 2.0 * damping * math.cos(2.0 * math.pi / _CYCLE_CANDLES), -damping * damping
        scale = math.sqrt((1.0 + second) * ((1.0 - second) ** 2 - first * first) / (1.0 - second))
        now, before = self.state.cycle, self.state.cycle_before
        changes = []
        for shock in shocks.tolist():
            now, before = first * now + second * before + scale * shock, now
            changes.append(now - before)
        self.state.cycle, self.state.cycle_before = now, before
        return np.array(changes)

    def _jumps(self, m: int) -> Floats:
        chance = self._draw["jump"].random((m, 3))
        jumps = np.zeros((m, STEPS_PER_CANDLE))
        hit = np.flatnonzero(chance[:, 0] < _JUMP_PROBABILITY)
        where = (chance[hit, 1] * STEPS_PER_CANDLE).astype(np.int64)
        # a symmetric two-sided size from one uniform: sign from its half, magnitude exponential
        side = np.where(chance[hit, 2] < 0.5, -1.0, 1.0)
        magnitude = -np.log1p(-np.abs(2.0 * chance[hit, 2] - 1.0) * 0.999)
        jumps[hit, where] = side * magnitude * _JUMP_SIZE
        return jumps

    def snapshot(self) -> GeneratorState:
        bits = {purpose: _encoded(bits) for purpose, bits in self._bits.items()}
        return msgspec.structs.replace(self.state, bits=bits)


class FactorStream(_Stream):
    """What all symbols have in common."""

    def __init__(self, seed: int, state: GeneratorState | None = None) -> None:
        super().__init__(seed, "market factor", state)

    def advance(self, m: int) -> FactorPath:
        """The next `m` candles."""
        path = FactorPath(*self.steps(m))
        self.state.next_candle += m
        return path


class SymbolStream(_Stream):
    """The price and turnover of one symbol."""

    def __init__(
        self, seed: int, listing: Listing, edge: float, base_ms: int, state: GeneratorState | None = None
    ) -> None:
        super().__init__(seed, listing.instrument.symbol, state)
        self._listing = listing
        self._edge = edge
        self._scale = listing.annual_volatility * math.sqrt(base_ms / _CANDLES_A_YEAR_MS)
        self._tick = float(listing.instrument.price_tick)
        self._step = float(listing.instrument.quantity_step)
        self._turnover = listing.volume_quote_per_minute * base_ms / MINUTE_MS / STEPS_PER_CANDLE
        self._base_log_price = math.log(listing.base_price)
        if state is None:
            self.state.log_price = self._base_log_price

    def advance(self, open_ms: Ints, factor: FactorPath) -> SymbolPath:
        """The candles opening at `open_ms` (m,); they may not cross a block border."""
        m = len(open_ms)
        if self.state.next_candle % BLOCK_CANDLES == 0:
            self.state.pull = self._pull()
        own, own_volatility, own_drift = self.steps(m)
        share = self._listing.market_share
        pattern = daily_pattern(open_ms)
        noise = math.sqrt(share) * factor.steps + math.sqrt(1.0 - share) * own
        drift = self._edge * _CYCLE_STRENGTH * (_FACTOR_DRIFT * factor.drift + _OWN_DRIFT * own_drift)
        returns = (noise + drift[:, None] / STEPS_PER_CANDLE) * (self._scale * pattern)[:, None] + self.state.pull
        # one running sum from the last price, so that the sum does not depend on where calls begin
        log_price = np.cumsum(np.concatenate(([self.state.log_price], returns.ravel())))
        previous = self.state.log_price
        self.state.log_price = float(log_price[-1])
        self.state.next_candle += m
        ticks = self._ticks(log_price[1:])
        before = np.concatenate((self._ticks(np.array([previous])), ticks[:-1]))
        taker, quantity = self._trades(ticks, before, returns.ravel(), np.repeat(pattern, STEPS_PER_CANDLE))
        volatility = np.sqrt(share * factor.volatility**2 + (1.0 - share) * own_volatility**2) * pattern
        shape = (m, STEPS_PER_CANDLE)
        return SymbolPath(ticks.reshape(shape), quantity.reshape(shape), taker.reshape(shape), volatility)

    def _trades(self, ticks: Ints, before: Ints, returns: Floats, pattern: Floats) -> tuple[Bools, Ints]:
        """Who crossed the spread, and how much traded: more when prices move."""
        coin = self._draw["size"].standard_exponential((len(ticks), 2))
        taker = np.where(ticks == before, coin[:, 1] < math.log(2.0), ticks > before)
        surprise = np.abs(returns) / (self._scale / math.sqrt(STEPS_PER_CANDLE))
        quote = self._turnover * pattern * (0.1 + coin[:, 0]) * (0.4 + 0.6 * np.minimum(surprise, 12.0))
        steps = np.maximum(1.0, np.rint(quote / (ticks * self._tick) / self._step)).astype(np.int64)
        return taker, steps

    def _ticks(self, log_price: Floats) -> Ints:
        return np.maximum(1.0, np.rint(np.exp(log_price) / self._tick)).astype(np.int64)

    def _pull(self) -> float:
        """Log return per step that brings a far-away price back towards its base."""
        away = self.state.log_price - self._base_log_price
        excess = max(0.0, abs(away) - _FREE_RANGE)
        return -math.copysign(excess, away) * _PULL_PER_BLOCK / (BLOCK_CANDLES * STEPS_PER_CANDLE)


def _ar1(state: float, shocks: Floats, time_constant: float, standard_deviation: float) -> Floats:
    """AR(1) with the given stationary standard deviation, one value per shock."""
    phi = math.exp(-1.0 / time_constant)
    scale = standard_deviation * math.sqrt(1.0 - phi * phi)
    walk = accumulate(shocks.tolist(), lambda value, shock: phi * value + scale * shock, initial=state)
    return np.array(list(walk)[1:])


def _encoded(bits: np.random.PCG64) -> str:
    state = bits.state
    parts = (state["state"]["state"], state["state"]["inc"], state["has_uint32"], state["uinteger"])
    return " ".join(f"{int(part):x}" for part in parts)


def _restore(bits: np.random.PCG64, stored: str) -> None:
    state, increment, has_uint32, uinteger = (int(part, 16) for part in stored.split())
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": state, "inc": increment},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }
