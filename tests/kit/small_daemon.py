"""The engine with its real shell on a real sandbox, inside the test: only the model and the disk are missing.

Forecasts come from the test, the journal is memory. Everything else - inbox, runner, courier, ccxt adapter - is the
daemon's own.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from tests.kit.builders import a_context, a_forecast, a_model
from tests.kit.fault_bench import BTC, IMPATIENT, SYMBOLS, FaultBench, fault_bench
from tests.kit.sandbox import candle_ends, eventually
from trader.config.exchange import ExchangeSettings
from trader.config.execution import ExecutionSettings
from trader.config.market import MarketSettings
from trader.config.schema import Settings
from trader.config.sizing import SizingSettings
from trader.domain import decisions as d
from trader.domain.events import AnyEvent, CommandName, ForecastMade, ModelChanged, StreamChanged, StreamState
from trader.domain.market import Book, Candle, Trade
from trader.domain.orders import Order, OrderStatus, Purpose
from trader.domain.signals import DecisionRecord
from trader.engine.engine import Engine
from trader.engine.state import EngineState
from trader.ports import Clock
from trader.runtime.inbox import Inbox
from trader.runtime.live import Runner
from trader.runtime.memory import Memory
from trader.runtime.turn import Turn

T = TypeVar("T", bound=d.Decision)
LATE_REQUEST_S = 1.5  # after that long "not found" is believed


class MemoryJournal:
    """Implements `ports.Journal`; what was written is in `memory` and `seen`."""

    def __init__(self) -> None:
        self.memory = Memory(ledger_id="test-ledger")
        self.seen: list[d.Decision] = []

    async def recover(self) -> Memory:
        return self.memory

    async def write(self, steps: Sequence[tuple[AnyEvent, Sequence[d.Decision]]], *, durable: bool) -> None:
        del durable
        for event, decisions in steps:
            self.memory.write(Turn(event, decisions))
            self.seen.extend(decisions)

    async def close(self) -> None:
        """Nothing is open."""


class HeardInbox(Inbox):
    """Remembers what was told of the streams."""

    def __init__(self, clock: Clock, last_seq: int) -> None:
        super().__init__(clock, last_seq)
        self.streams: list[StreamChanged] = []

    def put(self, event: AnyEvent) -> None:
        if isinstance(event, StreamChanged):
            self.streams.append(event)
        super().put(event)


class NoModel:
    """In the scorer's place: the test makes the forecasts."""

    def offer(self, candle: Candle) -> None:
        """Nobody learns from it."""

    def observe(self, event: Book | Trade) -> None:
        """Nobody looks at it."""

    async def run(self) -> None:
        await asyncio.Event().wait()


class SmallDaemon:
    """One run of the runner on a `FaultBench`."""

    def __init__(self, bench: FaultBench, runner: Runner, inbox: HeardInbox, journal: MemoryJournal) -> None:
        self.bench = bench
        self.faults = bench.faults
        self.runner = runner
        self.journal = journal
        self._inbox = inbox
        self._forecast_ms: dict[str, int] = {}  # open time of the newest candle forecast for, per symbol

    @property
    def state(self) -> EngineState:
        return self.runner.engine.state

    def forecast(self, symbol: str = BTC, prediction: float = 0.03, *, atr_frac: float = 0.001) -> None:
        """A forecast that is worth a trade, for the candle that closed last; each call for another candle."""
        price = self.state.prices()[symbol]
        closed_ms = self.bench.clock.now_ms() // 60_000 * 60_000 - 60_000
        self._forecast_ms[symbol] = open_ms = max(closed_ms, self._forecast_ms.get(symbol, 0) + 60_000)
        context = a_context(
            close=price, atr_14=price * atr_frac, sma_50=price, rsi_14=30.0, bb_position=0.02, hist_vol_20=0.3
        )
        made = a_forecast(
            symbol,
            prediction=prediction,
            win_probability=0.7,
            context=context,
            candle_open_ms=open_ms,
        )
        self._inbox.put(ForecastMade(forecast=made))

    async def next_candle(self) -> None:
        """Wait for the end of the candle that is open in the market."""
        await candle_ends(self.bench.clock)

    async def command(self, name: CommandName) -> str:
        """What an operator's command answered."""
        return await self.runner.command(name, "test")

    # --- looking ---

    def decided(self, kind: type[T]) -> list[T]:
        return [decision for decision in self.journal.seen if isinstance(decision, kind)]

    def told(self, event: str) -> list[str]:
        """Messages of the notifications of that name."""
        return [notice.message for notice in self.decided(d.Notify) if notice.event == event]

    def streams(self, symbol: str = BTC) -> list[StreamState]:
        """Every condition of its market data that was told since `forget_streams`, oldest first."""
        return [event.state for event in self._inbox.streams if event.symbol == symbol]

    def forget_streams(self) -> None:
        self._inbox.streams.clear()

    async def verdict(self, symbol: str = BTC) -> DecisionRecord:
        """What becomes of a forecast now."""
        before = len(self.decided(d.RecordDecision))
        self.forecast(symbol)
        await eventually(lambda: len(self.decided(d.RecordDecision)) > before)
        return self.decided(d.RecordDecision)[-1].record

    def orders(self, purpose: Purpose | None = None) -> list[Order]:
        """Every order as it is remembered now, oldest first."""
        return [order for order in self.journal.memory.orders if purpose in (None, order.intent.purpose)]

    def held(self, symbol: str = BTC) -> Decimal:
        return self.state.account.ledger.quantity(symbol)

    def is_protected(self, symbol: str = BTC) -> bool:
        """There is a position, and resting stops cover all of it that can be sold."""
        wanted = self.state.markets[symbol].instrument.round_quantity(self.held(symbol))
        return self.guarded(symbol) == wanted > 0

    def guarded(self, symbol: str = BTC) -> Decimal:
        """How much resting stops would sell."""
        open_orders = self.state.orders.tracker.open_orders(symbol)
        resting = [o for o in open_orders if o.intent.purpose is Purpose.STOP and o.status is OrderStatus.OPEN]
        return sum((order.remaining for order in resting), Decimal(0))

    def sellable(self, symbol: str = BTC) -> Decimal:
        """How much of what is held could be sold; 0 where it is too little."""
        held = self.state.markets[symbol].instrument.round_quantity(self.held(symbol))
        return Decimal(0) if not held or self.is_dust(symbol) else held

    async def is_entered(self, symbol: str = BTC) -> None:
        """The forecast became a position with a stop at the exchange."""
        await eventually(lambda: self.is_protected(symbol))

    async def is_settled(self) -> None:
        """Nothing is under way, and every order is in a known state."""
        await eventually(
            lambda: (
                self.state.account.is_reconciled
                and self.state.account.is_live
                and self.runner.engine.is_settled()
                and not self.state.orders.algorithms
            )
        )

    def is_dust(self, symbol: str) -> bool:
        """What is held is too little to be sold or protected."""
        market = self.state.markets[symbol]
        assert market.book is not None
        quantity = market.instrument.round_quantity(self.held(symbol))
        return market.instrument.refusal(quantity, market.instrument.round_price(market.book.bid * 0.9)) is not None

    async def has_recovered(self) -> None:
        """After everything that went wrong: data flows, the account is known, every position is guarded."""
        await eventually(
            lambda: (
                all(market.stream == "live" for market in self.state.markets.values())
                and self.state.account.is_live
                and not self.state.orders.tracker.unsettled()
                and all(self.is_protected(s) or not self.held(s) or self.is_dust(s) for s in SYMBOLS)
            )
        )

    async def assert_agrees_with_exchange(self) -> None:
        """Ledger and exchange hold the same, every order was written down before and placed at most once."""
        await self.is_settled()
        truth = await self.bench.truth()
        theirs = {currency: Decimal(b["free"]) + Decimal(b["locked"]) for currency, b in truth["balances"].items()}
        ours = dict(self.state.account.ledger.balances)
        assert {c: total for c, total in ours.items() if total} == {c: total for c, total in theirs.items() if total}
        placed = [order["clientOrderId"] for order in truth["orders"]]
        assert len(placed) == len(set(placed))
        assert set(placed) <= {order.client_id for order in self.orders()}
        open_there = {o["clientOrderId"] for o in truth["orders"] if o["status"] in ("NEW", "PARTIALLY_FILLED")}
        assert open_there == {order.client_id for order in self.state.orders.tracker.open_orders()}


@asynccontextmanager
async def small_daemon(
    directory: Path,
    *,
    speed: float = 60.0,
    symbols: Sequence[str] = SYMBOLS,
    execution: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[SmallDaemon]:
    """A daemon that is ready to trade, and stopped cleanly at the end."""
    async with fault_bench(directory, speed=speed, symbols=symbols, **options) as bench:
        settings = Settings(
            mode="live",
            exchange=ExchangeSettings(symbols=tuple(symbols)),
            market=MarketSettings(**IMPATIENT),
            execution=ExecutionSettings(**(execution or {})),
            sizing=SizingSettings(tranches=1),  # a second forecast adds nothing to what a test looks at
        )
        journal = MemoryJournal()
        state = EngineState(settings, bench.connection.instruments, ledger_id="small", speed=speed)
        state.restore(await journal.recover())
        inbox = HeardInbox(bench.clock, 0)
        runner = Runner(
            engine=Engine(settings, state),
            inbox=inbox,
            journal=journal,
            feed=bench.feed,
            exchange=bench.exchange,
            scorer=NoModel(),
            clock=bench.clock,
            late_request_s=LATE_REQUEST_S,
        )
        daemon = SmallDaemon(bench, runner, inbox, journal)
        running = asyncio.create_task(runner.run())
        try:
            inbox.put(ModelChanged(model=a_model()))
            await asyncio.wait_for(runner.ready.wait(), 20)
            await eventually(lambda: len(state.prices()) == len(symbols) and state.guard.equity is not None)
            await eventually(lambda: all(market.stream == "live" for market in state.markets.values()))
            yield daemon
        finally:
            runner.stop()
            await running
