"""The exchange's books behind the matching: numbering, open orders, account, storage, events."""

from collections import deque
from collections.abc import Callable
from decimal import Decimal

from msgspec.structs import replace as altered

from trader.domain.errors import Rejected
from trader.domain.instrument import ZERO, Instrument
from trader.domain.orders import OrderStatus, OrderType
from trader.domain.refusals import RefusalCode
from trader.simulation.accounts.account import Account
from trader.simulation.accounts.costs import commission
from trader.simulation.records.conditional import Conditional
from trader.simulation.records.memory import Changes, Records, Resumed
from trader.simulation.records.sim_orders import (
    BalanceChanged,
    ChangeKind,
    ConditionalChanged,
    Listener,
    OrderChanged,
    SimEvent,
    SimOrder,
    SimRequest,
    SimTrade,
    Transferred,
)


class Clearing:
    """Every change of an order goes through here: account, storage and listeners see the same thing.

    Changes gather in a batch until `commit` stores them in one transaction and then tells the listeners.
    """

    def __init__(self, records: Records, resumed: Resumed, account: Account, first_id: int) -> None:
        self.records = records
        self.account = account
        self.now_ms = resumed.now_ms
        self.open: dict[int, SimOrder] = {}  # in order of placement
        self.batch = Changes()
        self._open_by_client: dict[tuple[str, str], int] = {}
        self._last_order_id = max(resumed.last_order_id, first_id - 1)
        self._last_trade_id = max(resumed.last_trade_id, first_id - 1)
        self._outbox: deque[SimEvent] = deque()
        self._listeners: list[Listener] = []
        self._is_telling = False
        for order, _ in resumed.open_orders:
            self._track(order)

    def advance(self, now_ms: int) -> None:
        """Market time moves on; it never goes back."""
        if now_ms > self.now_ms:
            self.now_ms = now_ms

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    # --- names --------------------------------------------------------------------------------------------------

    def find(self, symbol: str, client_id: str | None, exchange_id: int | None) -> SimOrder | None:
        """The open order of that name; `exchange_id` wins where both are given."""
        if exchange_id is None and client_id is not None:
            exchange_id = self._open_by_client.get((symbol, client_id))
        found = self.open.get(exchange_id) if exchange_id is not None else None
        return found if found is not None and found.symbol == symbol else None

    def named(self, symbol: str, client_id: str | None, exchange_id: int | None) -> SimOrder:
        """Like `find`; raises `Rejected` (unknown_order) where nothing is open under that name."""
        found = self.find(symbol, client_id, exchange_id)
        if found is None:
            name = client_id if exchange_id is None else exchange_id
            raise Rejected(f"no open order {name} in {symbol}", code=RefusalCode.UNKNOWN_ORDER)
        return found

    # --- changes ------------------------------------------------------------------------------------------------

    def draft(self, request: SimRequest, quantity: Decimal) -> SimOrder:
        """The order that `request` would become; nothing is changed yet."""
        order_id = self._last_order_id + 1
        client_id = request.client_id or f"sim-{order_id}"
        if self.find(request.symbol, client_id, None) is not None:
            raise Rejected(f"client id {client_id} names an open order", code=RefusalCode.DUPLICATE_CLIENT_ID)
        return SimOrder(
            exchange_id=order_id,
            client_id=client_id,
            symbol=request.symbol,
            side=request.side,
            type=request.type,
            time_in_force=request.time_in_force,
            post_only=request.post_only,
            quantity=quantity,
            price=request.price,
            stop_price=request.stop_price,
            trigger=request.trigger,
            reduce_only=request.reduce_only,
            trail_frac=request.trail_frac,
            status=OrderStatus.OPEN,
            filled=ZERO,
            filled_quote=ZERO,
            created_ms=self.now_ms,
            updated_ms=self.now_ms,
        )

    def open_order(self, order: SimOrder) -> None:
        """A draft becomes an open order."""
        self._last_order_id = order.exchange_id
        self._change(None, order, None, "new")

    def fill(
        self, instrument: Instrument, order: SimOrder, price: Decimal, quantity: Decimal, *, is_maker: bool
    ) -> tuple[SimOrder, SimTrade]:
        """Execute `quantity` of `order` at `price`; returns the order afterwards and the trade."""
        self._last_trade_id += 1
        fee, fee_currency = commission(instrument, order.side, price, quantity, is_maker=is_maker)
        trade = SimTrade(
            trade_id=self._last_trade_id,
            exchange_id=order.exchange_id,
            client_id=order.client_id,
            symbol=order.symbol,
            side=order.side,
            price=price,
            quantity=quantity,
            fee=fee,
            fee_currency=fee_currency,
            is_maker=is_maker,
            ts_ms=self.now_ms,
            realised=self.account.realised(order, price, quantity),
        )
        filled = order.filled + quantity
        after = altered(
            order,
            filled=filled,
            filled_quote=order.filled_quote + trade.quote_quantity,
            status=OrderStatus.FILLED if filled == order.quantity else OrderStatus.PARTIALLY_FILLED,
            updated_ms=self.now_ms,
        )
        self._change(order, after, trade, "trade")
        self.batch.trades.append(trade)
        return after, trade

    def end(self, order: SimOrder, status: OrderStatus) -> SimOrder:
        """Close what is left of `order`: `status` CANCELED or EXPIRED."""
        after = altered(order, status=status, updated_ms=self.now_ms)
        self._change(order, after, None, "canceled" if status is OrderStatus.CANCELED else "expired")
        return after

    def amend(self, order: SimOrder, quantity: Decimal, price: Decimal) -> SimOrder:
        """An open limit order gets another quantity and price; its number and its fills stay."""
        after = altered(order, quantity=quantity, price=price, updated_ms=self.now_ms)
        self._change(order, after, None, "amended")
        return after

    def keep(self, order: SimOrder) -> None:
        """What nobody is told of an open order changed: stored with the next commit."""
        self._track(order)
        self.batch.orders[order.exchange_id] = order

    def keep_conditional(self, conditional: Conditional) -> None:
        """A conditional order changed: stored and told with the next commit."""
        self.batch.conditionals[conditional.conditional_id] = conditional
        self._outbox.append(ConditionalChanged(conditional, self.now_ms))

    def trigger(self, stop: SimOrder) -> SimOrder:
        """The stop's price was reached. A limit order is told as new again; others when they trade or end."""
        after = altered(stop, is_triggered=True, updated_ms=self.now_ms)
        self._change(stop, after, None, "new" if stop.type is OrderType.LIMIT else None)
        return after

    def transfer(self, currency: str, amount: Decimal) -> None:
        """Money comes in from outside or goes out."""
        self.account.transfer(currency, amount, self.now_ms)
        self._outbox.append(Transferred(currency, amount, self.now_ms))

    def _change(
        self, before: SimOrder | None, after: SimOrder, trade: SimTrade | None, kind: ChangeKind | None
    ) -> None:
        self.account.change(before, after, trade)
        self._track(after)
        self.batch.orders[after.exchange_id] = after
        if kind is not None:
            self._outbox.append(OrderChanged(after, trade, kind))

    def _track(self, order: SimOrder) -> None:
        name = (order.symbol, order.client_id)
        if order.is_open:
            self.open[order.exchange_id] = order
            self._open_by_client[name] = order.exchange_id
        else:
            self.open.pop(order.exchange_id, None)
            self._open_by_client.pop(name, None)

    # --- storing and telling ------------------------------------------------------------------------------------

    def commit(self) -> None:
        """Store the batch, then tell the listeners. If storing fails, the batch stays and the next commit retries."""
        changed = self.account.take_changed()
        if changed is not None:
            self.batch.balances.update((balance.currency, balance) for balance in changed.balances)
            self.batch.positions.update((position.symbol, position) for position in changed.positions)
            self.batch.incomes.extend(changed.incomes)
            self._outbox.append(BalanceChanged(changed.balances, self.now_ms, changed.positions, changed.reason))
        self.batch.now_ms = self.now_ms
        self.records.write(self.batch)
        self.batch = Changes()
        self._tell()

    def _tell(self) -> None:
        if self._is_telling:  # a listener called back: the outer call delivers in order
            return
        self._is_telling = True
        try:
            while self._outbox:
                event = self._outbox.popleft()
                for listener in tuple(self._listeners):
                    listener(event)
        finally:
            self._is_telling = False
