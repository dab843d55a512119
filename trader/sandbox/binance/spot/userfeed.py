"""What the account stream tells: order and balance changes of the simulated exchange, as Binance's events."""

from collections.abc import Callable, Sequence

from trader.clock import ScaledClock
from trader.sandbox.binance.spot.wire import account_position, balance_update, execution_report
from trader.sandbox.sockets.hub import Listener
from trader.simulation.exchange import SimulatedExchange
from trader.simulation.records.sim_orders import BalanceChanged, OrderChanged, SimEvent, Transferred


class SpotUserFeed:
    """Subscribed connections and the ids that Binance numbers events with."""

    def __init__(self, exchange: SimulatedExchange, clock: ScaledClock) -> None:
        self.cancel_ids: dict[int, str] = {}  # exchange id -> client id of the cancel under way
        self._clock = clock
        self._subscriptions: dict[Listener, int] = {}
        self.spoil: Callable[[object], Sequence[object]] | None = None  # what is pushed instead of an event
        self._last_execution = clock.now_ms()
        exchange.subscribe(self._on_change)

    def subscribe(self, client: Listener) -> int:
        """The subscription's id, unique on its connection."""
        return self._subscriptions.setdefault(client, 0)

    def forget(self, client: Listener) -> None:
        self._subscriptions.pop(client, None)

    def tell(self, event: dict[str, object]) -> None:
        """Push one event to every subscribed connection."""
        if not self._subscriptions:
            return
        for frame in (event,) if self.spoil is None else self.spoil(event):
            for client, number in self._subscriptions.items():
                client.send_json({"subscriptionId": number, "event": frame})

    def lose(self) -> int:
        """Forget every subscription without a word; returns how many."""
        lost = len(self._subscriptions)
        self._subscriptions.clear()
        return lost

    def end(self) -> int:
        """Tell every subscriber that its stream has ended, and forget it; returns how many."""
        event = {"e": "eventStreamTerminated", "E": self._clock.now_ms()}
        for client, number in self._subscriptions.items():
            client.send_json({"subscriptionId": number, "event": event})
        return self.lose()

    def _on_change(self, change: SimEvent) -> None:
        now_ms = self._clock.now_ms()
        if isinstance(change, OrderChanged):
            self._last_execution += 1
            cancel_id = self.cancel_ids.pop(change.order.exchange_id, None) if change.kind == "canceled" else None
            self.tell(execution_report(change, now_ms=now_ms, execution_id=self._last_execution, cancel_id=cancel_id))
        elif isinstance(change, Transferred):
            self.tell(balance_update(change, now_ms))
        elif isinstance(change, BalanceChanged):
            self.tell(account_position(change.balances, change.ts_ms, now_ms))
