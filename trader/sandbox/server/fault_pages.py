"""/sandbox/faults and /sandbox/deposit: how a test, a person or the chaos driver makes things happen."""

from decimal import Decimal, InvalidOperation

import orjson
from aiohttp import web

from trader.domain.errors import Misconfigured, Rejected
from trader.sandbox.faults.kinds import fault_from
from trader.sandbox.server.sandbox import SANDBOX

_DEPOSIT = {"currency", "amount", "account"}


def add_routes(router: web.UrlDispatcher) -> None:
    """The paths of this module."""
    router.add_get("/sandbox/faults", listing)
    router.add_post("/sandbox/faults", begin)
    router.add_delete("/sandbox/faults", end)
    router.add_post("/sandbox/deposit", deposit)


async def begin(request: web.Request) -> web.Response:
    """POST {"kind": ..., parameters}: the fault as it is listed; 400 names what is allowed."""
    try:
        active = request.app[SANDBOX].faults.begin(fault_from(await _content(request)))
    except Misconfigured as error:
        return _refused(str(error))
    return _json(active.listed())


async def listing(request: web.Request) -> web.Response:
    """GET: every fault since the start, with how often it acted."""
    return _json(request.app[SANDBOX].faults.listing())


async def end(request: web.Request) -> web.Response:
    """DELETE: all faults end; with ?id=N that one."""
    faults = request.app[SANDBOX].faults
    number = request.query.get("id")
    if number is None:
        faults.clear()
    elif not faults.end_numbered(number):
        return _refused(f"fault id {number!r}: no fault of this run has it")
    return _json(faults.listing())


async def deposit(request: web.Request) -> web.Response:
    """POST {"currency": "USDT", "amount": "100", "account": "spot"}: credit it; a negative amount is a withdrawal."""
    sandbox = request.app[SANDBOX]
    exchanges = sandbox.exchanges
    try:
        content = await _content(request)
        currency, amount = _money(content)
        account = content.get("account", "spot") if isinstance(content, dict) else ""
        if account not in exchanges:
            raise Misconfigured(f"deposit account {account!r}: allowed are {', '.join(exchanges)}")
        exchanges[account].deposit(currency, amount, sandbox.clock.now_ms())
    except (Misconfigured, Rejected) as error:
        return _refused(str(error))
    held = {balance.currency: str(balance.total) for balance in exchanges[account].balances()}
    return _json({"account": account, "currency": currency, "total": held[currency]})


def _money(content: object) -> tuple[str, Decimal]:
    if not isinstance(content, dict) or not {"currency", "amount"} <= set(content) <= _DEPOSIT:
        raise Misconfigured('a deposit is {currency, amount}, for example {"currency": "USDT", "amount": "100"}')
    try:
        return str(content["currency"]), Decimal(str(content["amount"]))
    except InvalidOperation:
        raise Misconfigured(f"deposit amount {content['amount']!r} is no number") from None


async def _content(request: web.Request) -> object:
    try:
        content: object = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise Misconfigured(f"the body is no JSON: {error}") from None
    return content


def _refused(message: str) -> web.Response:
    return _json({"error": message}, 400)


def _json(content: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(content), status=status, content_type="application/json")
