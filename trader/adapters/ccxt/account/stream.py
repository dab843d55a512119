"""The account's own stream: every order update and execution as ccxt parses it, balances as they change.

Whatever breaks it, the truth may have moved on unseen: `AccountUnreachable` is told when it breaks, and again once
it is back, because only a reconciliation made after that closes the hole.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import structlog

from trader.adapters.ccxt.account.conditional import conditional_report, is_conditional
from trader.adapters.ccxt.account.fills import ClientIds, own_fill
from trader.adapters.ccxt.account.translate import BrokenAnswer, balances_of, client_id_in, order_report
from trader.adapters.ccxt.transport.client import Client
from trader.adapters.ccxt.transport.errors import CAUGHT, said
from trader.adapters.ccxt.transport.streams import backoff_s
from trader.adapters.ccxt.transport.taps import AccountTap
from trader.domain.account import Balance
from trader.domain.errors import TraderError, Unavailable
from trader.domain.events import AccountUnreachable, BalancesReported, FillArrived, OrderReported
from trader.domain.orders import OrderReport
from trader.ports import AccountSink

log = structlog.get_logger("ccxt.account")

SUBSCRIBE_S = 15.0
TELLS_WITHIN_S = 10.0  # longest from an order's placing to the stream's word of it
_CONNECTED_POLL_S = 0.05
_SEEN = 2_000
STABLE_S = 60.0  # a stream that lived so long starts over with the shortest wait


class AccountStream:
    """One run of the account's streams at a time, until cancelled."""

    def __init__(self, client: Client, symbols: Sequence[str], client_ids: ClientIds, sink: AccountSink) -> None:
        self._client = client
        self._raw = client.raw
        self._symbols = frozenset(symbols)
        self._client_ids = client_ids
        self._sink = sink
        self._told: dict[str, Balance] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()  # ids of orders it told of, the newest last
        self._expected: dict[frozenset[str], float] = {}  # names of orders it should tell of -> until when (loop time)
        self._lost_at: float | None = None  # loop time
        self._broken: asyncio.Future[None] | None = None
        self._unclear: asyncio.Queue[Any] = asyncio.Queue()

    async def run(self) -> None:
        """Stream until cancelled; interruptions are told, never raised."""
        loop = asyncio.get_running_loop()
        failures = 0
        self._client.on_message = self._on_message
        self._client.on_unreadable = lambda reason: self._break(f"a message could not be read: {reason}")
        try:
            while True:
                began = loop.time()
                try:
                    await self._subscribe()
                    await self._listen()
                except* (*CAUGHT, TraderError) as group:
                    reason = said(_first(group))
                    if self._lost_at is None:
                        self._lost_at = loop.time()
                        self._unreachable(f"lost: {reason}")
                failures = 1 if loop.time() - began > STABLE_S else failures + 1
                log.warning("account.lost", reason=reason, failures=failures)
                await self._client.drop_sockets()
                self._forget_listen_key()
                await asyncio.sleep(backoff_s(failures))
        finally:
            self._client.unhook()

    def expect(self, report: OrderReport) -> None:
        """An order was just placed: the stream must tell of it, or it is silent without anybody knowing."""
        names = frozenset({report.client_id, report.exchange_id})
        if self._raw.has.get("watchOrders") and not names & self._seen.keys():
            self._expected[names] = asyncio.get_running_loop().time() + TELLS_WITHIN_S

    async def _subscribe(self) -> None:
        """Log in, and open the stream where that is one step, within `SUBSCRIBE_S`."""
        self._broken = asyncio.get_running_loop().create_future()
        self._expected.clear()
        self._raw.orders = AccountTap(self._on_order)
        self._raw.myTrades = AccountTap(self._on_trade)
        if hasattr(self._raw, "triggerOrders"):
            self._raw.triggerOrders = AccountTap(self._on_order)
        if self._client.facts.subscribes_account:
            async with asyncio.timeout(SUBSCRIBE_S):
                await self._raw.authenticate({})

    async def _listen(self) -> None:
        """Runs until the first failure, which it raises."""
        assert self._broken is not None
        broken = self._broken
        async with asyncio.TaskGroup() as group:
            group.create_task(_awaited(broken), name="account broken")
            group.create_task(self._watch_connection(), name="account connection")
            group.create_task(self._watch_expected(), name="account expected")
            group.create_task(self._clear_up(), name="account unclear")
            group.create_task(self._watch_balances(), name="account balances")
            for ability, method in (("watchOrders", "watch_orders"), ("watchMyTrades", "watch_my_trades")):
                if self._raw.has.get(ability):
                    group.create_task(self._watch(method), name=f"account {method}")

    async def _watch(self, method: str) -> None:
        while True:
            await getattr(self._raw, method)(None, None, None, {})  # what it returns, the tap has already told

    async def _watch_balances(self) -> None:
        while self._raw.has.get("watchBalance"):
            self._on_balances(await self._raw.watch_balance({}))

    async def _watch_connection(self) -> None:
        """No first message says that a quiet account stream stands; its socket does."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SUBSCRIBE_S
        while not any(socket.isConnected for socket in self._raw.clients.values()):
            if loop.time() > deadline:
                raise Unavailable(f"no account stream within {SUBSCRIBE_S:.0f} s")
            await asyncio.sleep(_CONNECTED_POLL_S)
        if self._lost_at is not None:
            self._unreachable(f"back after {loop.time() - self._lost_at:.1f} s; what happened meanwhile is unknown")
            self._lost_at = None

    async def _watch_expected(self) -> None:
        """A subscription can be lost while its socket stands: then what was placed is never told of."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TELLS_WITHIN_S / 10)
            late = [names for names, until in self._expected.items() if until < loop.time()]
            if late:
                order = " ".join(sorted(late[0]))
                raise Unavailable(f"no word of order {order} within {TELLS_WITHIN_S:g} s of its placing")

    def _note_seen(self, report: OrderReport) -> None:
        told = {report.client_id, report.exchange_id}
        for names in [names for names in self._expected if names & told]:
            del self._expected[names]
        self._seen.update(dict.fromkeys(told))
        while len(self._seen) > _SEEN:
            self._seen.popitem(last=False)

    def _forget_listen_key(self) -> None:
        """ccxt would go on with a key that may have ended; asked anew, the exchange gives the one that is valid."""
        option = self._raw.options.get(self._client.facts.listen_key_option)
        if isinstance(option, dict):
            option.pop("lastAuthenticatedTime", None)

    # --- what arrives -----------------------------------------------------------------------------------------

    def _on_message(self, message: Any) -> bool:
        event = message.get("event", message) if isinstance(message, dict) else None
        if isinstance(event, dict) and event.get("e") in self._client.facts.account_end_events:
            self._break(f"the exchange ended it: {event['e']}")
        return False

    def _on_order(self, order: Any) -> None:
        if order.get("symbol") not in self._symbols:
            return
        try:
            report = order_report(order, with_fills=False, now_ms=self._client.time.our_ms())
            conditional, info = self._client.facts.conditional, order.get("info")
            if conditional is not None and is_conditional(info, conditional):
                report = conditional_report(report, info, conditional)
        except BrokenAnswer as error:
            self._break(str(error))
            return
        forced = self._client.facts.forced_prefixes
        if forced and report.client_id.startswith(forced) and report.filled:
            self._unreachable(f"the exchange itself traded in {report.symbol} (order {report.client_id})")
        self._note_seen(report)
        self._client_ids.learn(report.symbol, report.exchange_id, report.client_id)
        self._sink(OrderReported(report=report))

    def _on_trade(self, trade: Any) -> None:
        if trade.get("symbol") not in self._symbols:
            return
        known = self._client_ids.known(str(trade.get("symbol")), str(trade.get("order")))
        client_id = client_id_in(trade.get("info"), self._client.facts.trade_client_id_keys) or known
        if client_id is None:
            self._unclear.put_nowait(trade)
            return
        try:
            fill = own_fill(trade, self._client.facts, client_id=client_id)
        except BrokenAnswer as error:
            self._break(str(error))
            return
        if self._client.facts.stream_fee_sign < 0:
            fill = msgspec.structs.replace(fill, fee=-fill.fee)
        self._sink(FillArrived(fill=fill))

    async def _clear_up(self) -> None:
        """Executions that do not say whose they are: ask for their order first."""
        while True:
            trade = await self._unclear.get()
            await self._client_ids.find(trade["symbol"], {str(trade["order"])}, int(trade["timestamp"]))
            self._on_trade(trade)

    def _on_balances(self, answer: Mapping[str, Any]) -> None:
        """ccxt repeats every currency it heard of; only those that changed are told."""
        changed = []
        for currency, entry in answer.items():
            if isinstance(entry, Mapping) and entry.get("free") is not None and entry.get("used") is None:
                # a transfer: ccxt knows what moved, and forgets what orders hold
                self._unreachable(f"balance of {currency} changed by a transfer")
                return
        for balance in balances_of(answer):
            if self._told.get(balance.currency) != balance:
                self._told[balance.currency] = balance
                changed.append(balance)
        if changed:
            self._sink(BalancesReported(balances=tuple(changed), is_complete=False))

    # --- what goes wrong --------------------------------------------------------------------------------------

    def _break(self, reason: str) -> None:
        if self._broken is not None and not self._broken.done():
            self._broken.set_exception(Unavailable(reason))

    def _unreachable(self, reason: str) -> None:
        self._sink(AccountUnreachable(reason=f"account stream: {reason}"))


async def _awaited(future: "asyncio.Future[None]") -> None:
    await future


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
