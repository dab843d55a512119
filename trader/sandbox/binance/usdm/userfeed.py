"""The account stream of the perpetual exchange: listen keys, who listens, and what they are told."""

import secrets
from collections.abc import Callable, Sequence
from decimal import Decimal

from trader.clock import ScaledClock
from trader.domain.instrument import ZERO
from trader.sandbox.binance.protocol.errors import BinanceError
from trader.sandbox.binance.usdm.events import account_update, algo_update, leverage_update, order_trade_update
from trader.sandbox.sockets.hub import Listener
from trader.simulation.derivatives.perpetual import PerpetualExchange
from trader.simulation.records.sim_orders import BalanceChanged, ConditionalChanged, OrderChanged, SimEvent

LISTEN_KEY_S = 3_600.0  # real seconds a key lives without being renewed


class UsdmUserFeed:
    """One account, so one listen key at a time. `now_s`: monotonic real time, which keys age by."""

    def __init__(self, exchange: PerpetualExchange, clock: ScaledClock, now_s: Callable[[], float]) -> None:
        self.spoil: Callable[[object], Sequence[object]] | None = None  # what is pushed instead of an event
        self._exchange = exchange
        self._clock = clock
        self._now_s = now_s
        self._key = ""
        self._renewed_s = 0.0
        self._listeners: set[Listener] = set()
        self._wallets = {balance.currency: balance.total for balance in exchange.balances()}
        exchange.subscribe(self._on_change)

    # --- listen keys --------------------------------------------------------------------------------------------

    def issue(self) -> str:
        """The listen key, valid for another hour."""
        if not self._is_valid:
            self._key = secrets.token_hex(32)
        self._renewed_s = self._now_s()
        return self._key

    def renew(self) -> str:
        """The key lives on. Raises `BinanceError` when there is none."""
        if not self._is_valid:
            raise BinanceError(
                -1125,
                "This listenKey does not exist. Please use `POST /fapi/v1/listenKey` to recreate `listenKey` and "
                "renew its validity.",
            )
        return self.issue()

    def revoke(self) -> None:
        """The key ends, and with it what listens to it."""
        self._key = ""
        self._listeners.clear()

    def knows(self, key: str) -> bool:
        """Whether `key` is the valid one."""
        return self._is_valid and secrets.compare_digest(key.encode(), self._key.encode())

    def subscribe(self, client: Listener) -> None:
        """From now on the client hears everything."""
        self._listeners.add(client)

    def forget(self, client: Listener) -> None:
        self._listeners.discard(client)

    def expire_due(self) -> None:
        """End a key that nobody has renewed for an hour."""
        if self._key and not self._is_valid:
            self.end()

    @property
    def _is_valid(self) -> bool:
        return bool(self._key) and self._now_s() - self._renewed_s < LISTEN_KEY_S

    # --- faults -------------------------------------------------------------------------------------------------

    def lose(self) -> int:
        """Forget every listener without a word; returns how many."""
        lost = len(self._listeners)
        self._listeners.clear()
        return lost

    def end(self) -> int:
        """The key expires: tell every listener, and forget it; returns how many."""
        event = {"e": "listenKeyExpired", "E": self._clock.now_ms(), "listenKey": self._key}
        for client in self._listeners:
            client.send_json(event)
        self._key = ""
        return self.lose()

    # --- what is told -------------------------------------------------------------------------------------------

    def _on_change(self, change: SimEvent) -> None:
        now_ms = self._clock.now_ms()
        if isinstance(change, OrderChanged):
            self._tell(order_trade_update(change, now_ms))
        elif isinstance(change, ConditionalChanged):
            conditional = change.conditional
            order = None
            if conditional.order_id:
                order = self._exchange.order(conditional.symbol, exchange_id=conditional.order_id)
            self._tell(algo_update(conditional, order, change.ts_ms, now_ms))
        elif isinstance(change, BalanceChanged):
            self._on_money(change, now_ms)

    def _on_money(self, change: BalanceChanged, now_ms: int) -> None:
        moved: dict[str, Decimal] = {}
        for balance in change.balances:
            if change.reason != "order":
                moved[balance.currency] = balance.total - self._wallets.get(balance.currency, ZERO)
            self._wallets[balance.currency] = balance.total
        if change.reason == "leverage":
            for position in change.positions:
                self._tell(leverage_update(position, change.ts_ms, now_ms))
            return
        self._tell(
            account_update(
                change.balances,
                change.positions,
                change.reason,
                moved=moved,
                marks={position.symbol: self._exchange.mark(position.symbol) for position in change.positions},
                ts_ms=change.ts_ms,
                now_ms=now_ms,
            )
        )

    def _tell(self, event: dict[str, object]) -> None:
        if not self._listeners:
            return
        for frame in (event,) if self.spoil is None else self.spoil(event):
            for client in self._listeners:
                client.send_json(frame)
