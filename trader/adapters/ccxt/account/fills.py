"""Own executions over REST: every one since a time, with the client id of its order."""

from collections import OrderedDict
from typing import Any

import msgspec

from trader.adapters.ccxt.account.translate import BrokenAnswer, client_id_in, decimal_or_none, fill_of, order_report
from trader.adapters.ccxt.exchanges import ExchangeFacts
from trader.adapters.ccxt.transport.client import Client
from trader.domain.errors import Rejected, Unavailable
from trader.domain.orders import Fill

REMEMBERED = 20_000
MANY_UNKNOWN = 5


class ClientIds:
    """Which client id an exchange order id belongs to. Exchanges leave it out of executions."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: OrderedDict[tuple[str, str], str] = OrderedDict()

    def learn(self, symbol: str, exchange_id: str, client_id: str) -> None:
        self._known[symbol, exchange_id] = client_id
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def known(self, symbol: str, exchange_id: str) -> str | None:
        return self._known.get((symbol, exchange_id))

    async def find(self, symbol: str, exchange_ids: set[str], since_ms: int) -> None:
        """Ask for the orders whose client id is not known. One the exchange has forgotten gets an empty one."""
        missing = {one for one in exchange_ids if (symbol, one) not in self._known}
        if len(missing) > MANY_UNKNOWN and self._client.raw.has.get("fetchOrders"):
            self._learn_all(symbol, await self._client.read("fetch_orders", symbol, since_ms, 1000))
        for exchange_id in sorted(missing):
            if (symbol, exchange_id) not in self._known:
                await self._find_one(symbol, exchange_id)

    async def _find_one(self, symbol: str, exchange_id: str) -> None:
        if not self._client.facts.queries_orders:
            for method in searches(self._client):
                self._learn_all(symbol, await self._client.read(method, symbol))
            self._known.setdefault((symbol, exchange_id), "")
            return
        try:
            order = await self._client.read("fetch_order", exchange_id, symbol)
        except Rejected:
            self.learn(symbol, exchange_id, "")
        else:
            self._learn_all(symbol, [order])

    def _learn_all(self, symbol: str, orders: Any) -> None:
        for order in orders:
            try:
                report = order_report(order, symbol=symbol)
            except BrokenAnswer as error:
                raise Unavailable(str(error)) from None
            self.learn(symbol, report.exchange_id, report.client_id)


def own_fill(trade: Any, facts: ExchangeFacts, *, client_id: str, symbol: str | None = None) -> Fill:
    """One ccxt trade of our account, with what only its raw form tells: the profit it realised, and who placed it."""
    fill = fill_of(trade, symbol=symbol, client_id=client_id)
    if not facts.realised_keys and not facts.forced_prefixes:
        return fill
    return msgspec.structs.replace(
        fill,
        realised=decimal_or_none(client_id_in(trade.get("info"), facts.realised_keys) or None),
        is_forced=client_id.startswith(facts.forced_prefixes) if facts.forced_prefixes else False,
    )


def searches(client: Client) -> tuple[str, ...]:
    """The calls that together list open and recently ended orders."""
    has = client.raw.has
    ended = ("fetchCanceledAndClosedOrders", "fetch_canceled_and_closed_orders")
    closed = ("fetchClosedOrders", "fetch_closed_orders")
    return ("fetch_open_orders", ended[1] if has.get(ended[0]) else closed[1])


class FillHistory:
    """Pages through the account's executions until nothing is left out."""

    def __init__(self, client: Client, client_ids: ClientIds) -> None:
        self._client = client
        self._client_ids = client_ids

    async def since(self, symbol: str, since_ms: int) -> list[Fill]:
        """All executions in `symbol` from `since_ms` on, oldest first; `Unavailable` rather than leave one out."""
        trades = await self._trades(symbol, since_ms)
        keys = self._client.facts.trade_client_id_keys
        unknown = {str(trade["order"]) for trade in trades.values() if not client_id_in(trade.get("info"), keys)}
        await self._client_ids.find(symbol, unknown, since_ms)
        fills = []
        for trade in trades.values():
            stated = client_id_in(trade.get("info"), keys)
            client_id = stated or self._client_ids.known(symbol, str(trade["order"])) or ""
            fills.append(own_fill(trade, self._client.facts, symbol=symbol, client_id=client_id))
        return sorted((fill for fill in fills if fill.ts_ms >= since_ms), key=_age)

    async def _trades(self, symbol: str, since_ms: int) -> dict[str, Any]:
        facts, now_ms = self._client.facts, self._client.time.now_ms()
        found: dict[str, Any] = {}
        window_ms = facts.trade_window_ms
        if window_ms and now_ms - since_ms > window_ms and facts.latest_trades_reach_back:
            page = await self._page(symbol, None, None, found)
            if len(page) < facts.trade_page or min(_time(trade) for trade in page) < since_ms:
                return found
        start_ms = since_ms
        while True:
            end_ms = start_ms + window_ms if window_ms and start_ms + window_ms < now_ms else None
            await self._window(symbol, start_ms, end_ms, found)
            if end_ms is None:
                return found
            start_ms = end_ms

    async def _window(self, symbol: str, start_ms: int, end_ms: int | None, found: dict[str, Any]) -> None:
        cursor_ms = start_ms
        while True:
            page = await self._page(symbol, cursor_ms, end_ms, found)
            if len(page) < self._client.facts.trade_page:
                return
            newest_ms = max(_time(trade) for trade in page)
            if newest_ms == cursor_ms:
                raise Unavailable(f"{symbol}: more than {len(page)} executions in one millisecond at {cursor_ms}")
            cursor_ms = newest_ms

    async def _page(self, symbol: str, since_ms: int | None, until_ms: int | None, found: dict[str, Any]) -> list[Any]:
        params = {} if until_ms is None else {"until": until_ms}
        page = await self._client.read("fetch_my_trades", symbol, since_ms, self._client.facts.trade_page, params)
        if not isinstance(page, list):
            raise Unavailable(f"{symbol}: executions are {repr(page)[:100]}")
        for trade in page:
            try:
                fill_of(trade, symbol=symbol)
            except BrokenAnswer as error:
                raise Unavailable(str(error)) from None
            found[str(trade["id"])] = trade
        return page


def _time(trade: Any) -> int:
    return int(trade["timestamp"])


def _age(fill: Fill) -> tuple[int, int, str]:
    return fill.ts_ms, len(fill.fill_id), fill.fill_id
