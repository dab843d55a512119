"""Money that moved without a fill, over REST: every funding and liquidation cost since a time."""

from collections.abc import Mapping, Sequence
from typing import Any

from trader.adapters.ccxt.account.translate import BrokenAnswer, decimal_of
from trader.adapters.ccxt.exchanges import Incomes
from trader.adapters.ccxt.transport.client import Client
from trader.domain.account import Payment, PaymentKind
from trader.domain.errors import Unavailable

_FUNDING_PAGE = 100


class PaymentHistory:
    """Pages through the account's payments until nothing is left out."""

    def __init__(self, client: Client, symbols: Sequence[str]) -> None:
        self._client = client
        self._symbols = symbols

    async def since(self, since_ms: int) -> list[Payment]:
        """Oldest first; `Unavailable` rather than leave one out."""
        incomes, found = self._client.facts.incomes, list[Payment]()
        try:
            if incomes is not None:
                for kind in incomes.kinds:
                    found += await self._incomes(incomes, kind, since_ms)
            elif self._client.raw.has.get("fetchFundingHistory"):
                for symbol in self._symbols:
                    found += await self._funding(symbol, since_ms)
        except BrokenAnswer as error:
            raise Unavailable(str(error)) from None
        return sorted((each for each in found if each.ts_ms >= since_ms), key=lambda each: each.ts_ms)

    async def _incomes(self, incomes: Incomes, kind: str, since_ms: int) -> list[Payment]:
        found: dict[str, Payment] = {}
        now_ms, start_ms = self._client.time.now_ms(), since_ms
        while True:
            end_ms = min(start_ms + incomes.window_ms, now_ms + 1)
            params = {incomes.kind_key: kind, "until": end_ms}
            rows = await self._read(incomes.method, None, start_ms, incomes.page, params)
            payments = [self._income(incomes, kind, row) for row in rows]
            found |= {payment.payment_id: payment for payment in payments}
            if len(rows) >= incomes.page:
                newest_ms = max(payment.ts_ms for payment in payments)
                if newest_ms == start_ms:
                    raise Unavailable(f"more than {len(rows)} payments in one millisecond at {start_ms}")
                start_ms = newest_ms
            elif end_ms > now_ms:
                return list(found.values())
            else:
                start_ms = end_ms

    async def _funding(self, symbol: str, since_ms: int) -> list[Payment]:
        found: dict[str, Payment] = {}
        while True:
            rows = await self._read("fetch_funding_history", symbol, since_ms, _FUNDING_PAGE)
            payments = [_funding(row, symbol) for row in rows]
            found |= {payment.payment_id: payment for payment in payments}
            newest_ms = max((payment.ts_ms for payment in payments), default=since_ms)
            if len(rows) < _FUNDING_PAGE or newest_ms <= since_ms:
                return list(found.values())
            since_ms = newest_ms

    async def _read(self, method: str, *args: Any) -> list[Any]:
        rows = await self._client.read(method, *args)
        if not isinstance(rows, list):
            raise Unavailable(f"{method}: payments are {repr(rows)[:100]}")
        return rows

    def _income(self, incomes: Incomes, kind: str, row: Any) -> Payment:
        info = row.get("info") if isinstance(row, Mapping) else None
        if not isinstance(info, Mapping) or info.get(incomes.kind_key) != kind:
            raise BrokenAnswer(f"a movement that is no {kind}: {repr(row)[:200]}")
        amount = decimal_of(row.get("amount"), f"amount of {kind} {row.get('id')}")
        symbol = str(info.get(incomes.symbol_key) or "")
        return Payment(
            payment_id=f"{kind}-{_required(row, 'id')}-{symbol}",
            kind=PaymentKind(incomes.kinds[kind]),
            symbol=self._client.raw.safe_symbol(symbol, None, None, "contract") if symbol else "",
            currency=str(_required(row, "currency")),
            amount=-amount if row.get("direction") == "out" else amount,
            ts_ms=int(_required(row, "timestamp")),
        )


def _funding(row: Any, symbol: str) -> Payment:
    if not isinstance(row, Mapping):
        raise BrokenAnswer(f"a funding payment is {repr(row)[:100]}")
    ts_ms = int(_required(row, "timestamp"))
    return Payment(
        payment_id=f"funding-{row.get('id') or ts_ms}-{symbol}",
        kind=PaymentKind.FUNDING,
        symbol=symbol,
        currency=str(_required(row, "code")),
        amount=decimal_of(row.get("amount"), f"funding of {symbol}"),
        ts_ms=ts_ms,
    )


def _required(row: Mapping[str, Any], key: str) -> Any:
    if not row.get(key):
        raise BrokenAnswer(f"a payment without {key}: {repr(row)[:200]}")
    return row[key]
