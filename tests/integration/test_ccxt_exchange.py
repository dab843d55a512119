"""Orders through the unmodified ccxt client on real sockets: what is told is what became of them."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import stamina

from tests.kit.ccxt_bench import BTC, SYMBOLS, approved, connected, keys, limit, settings, stop
from tests.kit.faulty_door import Answer, FaultyDoor, faulty_door
from tests.kit.sandbox import market_clock, sandbox
from trader.adapters.ccxt.connect import connect
from trader.config.credentials import Credentials
from trader.config.market import MarketSettings
from trader.domain.errors import Misconfigured, OutcomeUnknown, Rejected, Unavailable
from trader.domain.orders import OrderRef, OrderStatus, OrderType, Purpose, Side, TimeInForce


async def test_an_order_goes_through_its_whole_life(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench:
        exchange = bench.exchange
        bought = await exchange.submit(approved("m-1"))
        assert bought.status is OrderStatus.FILLED
        assert bought.filled == Decimal("0.002") == sum(fill.quantity for fill in bought.fills)
        assert {fill.client_id for fill in bought.fills} == {"m-1"}

        resting = await exchange.submit(limit("l-1", bench.price(0.9)))
        assert (resting.status, resting.price) == (OrderStatus.OPEN, bench.price(0.9))
        assert [report.client_id for report in await exchange.open_orders()] == ["l-1"]

        queried = await exchange.order(OrderRef(BTC, "l-1"))
        assert queried is not None
        assert (queried.client_id, queried.exchange_id) == ("l-1", resting.exchange_id)
        assert await exchange.order(OrderRef(BTC, "never-sent")) is None

        cancelled = await exchange.cancel(OrderRef(BTC, "l-1"))
        assert (cancelled.client_id, cancelled.status) == ("l-1", OrderStatus.CANCELED)
        with pytest.raises(Rejected) as nothing_there:
            await exchange.cancel(OrderRef(BTC, "l-1"))
        assert nothing_there.value.code == "unknown_order"
        assert await exchange.open_orders() == []


async def test_immediate_orders_end_at_once(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench:
        none = await bench.exchange.submit(limit("i-1", bench.price(0.9), time_in_force=TimeInForce.IOC))
        assert (none.status, none.filled) == (OrderStatus.EXPIRED, Decimal(0))
        taken = await bench.exchange.submit(limit("i-2", bench.price(1.1), time_in_force=TimeInForce.IOC))
        assert taken.status is OrderStatus.FILLED
        with pytest.raises(Rejected) as refused:
            await bench.exchange.submit(limit("i-3", bench.price(1.1), post_only=True))
        assert refused.value.code == "would_match"


async def test_a_stop_is_replaced_in_one_request(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench:
        await bench.exchange.submit(approved("m-1", quantity=Decimal("0.00300")))
        placed = await bench.exchange.submit(stop("s-1", bench.price(0.9)))
        assert (placed.type, placed.stop_price) == (OrderType.STOP_MARKET, bench.price(0.9))
        bench.door.requests.clear()
        old, new = await bench.exchange.replace(OrderRef(BTC, "s-1", is_stop=True), stop("s-2", bench.price(0.92)))
        assert bench.door.requests == [("POST", "/api/v3/order/cancelReplace")]
        assert (old.client_id, old.status) == ("s-1", OrderStatus.CANCELED)
        assert (new.client_id, new.status, new.stop_price) == ("s-2", OrderStatus.OPEN, bench.price(0.92))
        with pytest.raises(Rejected) as refused:  # the old one goes, the new one would fire at once
            await bench.exchange.replace(OrderRef(BTC, "s-2", is_stop=True), stop("s-3", bench.price(1.2)))
        assert refused.value.code == "would_trigger"
        with pytest.raises(Rejected) as gone:
            await bench.exchange.replace(OrderRef(BTC, "s-9", is_stop=True), stop("s-4", bench.price(0.9)))
        assert gone.value.code == "unknown_order"
        assert bench.exchange.can_replace


async def test_refusals_have_their_codes(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench:
        tries = {
            "min_notional": approved("r-1", quantity=Decimal("0.00001")),
            "lot_size": approved("r-2", quantity=Decimal("0.000015")),
            "price_filter": limit("r-3", bench.price(0.9) + Decimal("0.001")),
            "insufficient_funds": limit("r-4", bench.price(0.95), quantity=Decimal("5.00000")),
        }
        for code, order in tries.items():
            with pytest.raises(Rejected) as refused:
                await bench.exchange.submit(order)
            assert refused.value.code == code
        assert (await bench.truth())["orders"] == []


async def test_fills_and_balances_are_the_exchanges_own_to_the_last_digit(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench:
        since_ms = market_clock(bench.running).now_ms()
        await bench.exchange.submit(approved("m-1"))
        await bench.exchange.submit(approved("m-2", side=Side.SELL, quantity=Decimal("0.00100"), purpose=Purpose.EXIT))
        fills = await bench.exchange.fills(BTC, since_ms)
        truth = await bench.truth()
        assert [(fill.fill_id, fill.quantity, fill.price, fill.fee, fill.fee_currency) for fill in fills] == [
            (
                str(row["id"]),
                Decimal(row["qty"]),
                Decimal(row["price"]),
                Decimal(row["commission"]),
                row["commissionAsset"],
            )
            for row in truth["fills"]
        ]
        assert {fill.client_id for fill in fills} == {"m-1", "m-2"}
        assert {balance.currency: (balance.free, balance.locked) for balance in await bench.exchange.balances()} == {
            currency: (Decimal(row["free"]), Decimal(row["locked"]))
            for currency, row in truth["balances"].items()
            if Decimal(row["free"]) or Decimal(row["locked"])
        }


async def test_client_ids_of_fills_survive_a_restart(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench:
        await bench.exchange.submit(approved("before"))
        fresh = await connect(
            settings(bench.running.endpoint, bench.running),
            MarketSettings(),
            market_clock(bench.running),
            keys(bench.running),
        )
        try:
            assert fresh.exchange is not None
            assert {fill.client_id for fill in await fresh.exchange.fills(BTC, 0)} == {"before"}
        finally:
            await fresh.close()


# --- outcomes nobody can know -----------------------------------------------------------------------------------


def spoil_new_orders(door: FaultyDoor, answer: Answer) -> None:
    """The sandbox takes the order; the client gets `answer` instead of the truth."""
    door.after = lambda method, path, true: answer if (method, path) == ("POST", "/api/v3/order") else true


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b'{"symbol":"BTCUSDT","orderId":'),
        Answer(200, b""),
        Answer(200, b"{}"),
        Answer(502, b"<html>bad gateway</html>", (("Content-Type", "text/html"),)),
        Answer(504, b"<html>timeout</html>", (("Content-Type", "text/html"),)),
        Answer(400, b'{"code":-1007,"msg":"Timeout waiting for response from backend server."}'),
        Answer(400, b'{"code":-1006,"msg":"An unexpected response was received from the message bus."}'),
        Answer(400, b'{"code":-77777,"msg":"Nobody knows this code."}'),
        Answer(0),
    ],
    ids=["truncated", "empty", "no id", "502", "504", "-1007", "-1006", "unmapped", "reset"],
)
async def test_a_lost_answer_leaves_the_outcome_unknown_and_the_order_can_be_found(
    tmp_path: Path, answer: Answer
) -> None:
    async with connected(tmp_path) as bench:
        spoil_new_orders(bench.door, answer)
        with pytest.raises(OutcomeUnknown):
            await bench.exchange.submit(limit("u-1", bench.price(0.9)))
        found = await bench.exchange.order(OrderRef(BTC, "u-1"))
        assert found is not None
        assert found.status is OrderStatus.OPEN
        assert len((await bench.truth())["orders"]) == 1  # sent once, never again


async def test_sending_the_same_open_client_id_again_is_unknown_because_it_exists(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench:
        await bench.exchange.submit(limit("twice", bench.price(0.9)))
        with pytest.raises(OutcomeUnknown, match="exists"):
            await bench.exchange.submit(limit("twice", bench.price(0.9)))


async def test_no_answer_within_the_timeout_is_unknown(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench:
        original = bench.door.forward

        async def slow(request: Any) -> Answer:
            answer = await original(request)
            if (request.method, request.path) == ("POST", "/api/v3/order"):
                await asyncio.sleep(30)
            return answer

        bench.door.forward = slow  # type: ignore[method-assign]  # the door's own fault
        with pytest.raises(OutcomeUnknown):
            await bench.exchange.submit(limit("slow", bench.price(0.9)))
        assert await bench.exchange.order(OrderRef(BTC, "slow")) is not None


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(403, b"<html>blocked</html>", (("Content-Type", "text/html"),)), "refused"),
        (Answer(400, b'{"code":-1008,"msg":"Server is currently overloaded."}'), "refused"),
        (Answer(400, b'{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}'), "authentication"),
    ],
    ids=["403", "-1008", "-2015"],
)
async def test_answers_that_prove_the_order_was_not_placed(tmp_path: Path, answer: Answer, code: str) -> None:
    async with connected(tmp_path) as bench:
        bench.door.instead = lambda method, _path: answer if method == "POST" else None
        with pytest.raises(Rejected) as refused:
            await bench.exchange.submit(limit("n-1", bench.price(0.9)))
        assert refused.value.code == code
        assert (await bench.truth())["orders"] == []


async def test_a_rate_limit_stops_all_requests_for_as_long_as_asked(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench:
        limited = Answer(429, b'{"code":-1003,"msg":"Too many requests."}', (("Retry-After", "30"),))
        bench.door.instead = lambda method, _path: limited if method == "POST" else None
        with pytest.raises(Rejected) as refused:
            await bench.exchange.submit(limit("n-1", bench.price(0.9)))
        assert refused.value.code == "rate_limited"
        asked = len(bench.door.requests)
        with pytest.raises(Unavailable) as silent:
            await bench.exchange.balances()
        with pytest.raises(Unavailable):
            await bench.exchange.submit(limit("n-2", bench.price(0.9)))
        assert silent.value.retry_after_s is not None
        assert 20 < silent.value.retry_after_s <= 30
        assert len(bench.door.requests) == asked


async def test_a_clock_refusal_is_sent_once_more_after_measuring_the_clock(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench:
        refusals = [Answer(400, b'{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}')]
        bench.door.instead = lambda method, _path: refusals.pop() if method == "POST" and refusals else None
        bench.door.requests.clear()
        report = await bench.exchange.submit(limit("c-1", bench.price(0.9)))
        assert report.status is OrderStatus.OPEN
        assert bench.door.requests == [("POST", "/api/v3/order"), ("GET", "/api/v3/time"), ("POST", "/api/v3/order")]


async def test_an_order_that_could_not_leave_is_unavailable(tmp_path: Path) -> None:
    async with sandbox(tmp_path, symbols=SYMBOLS) as running:
        async with faulty_door(running) as (_, endpoint):
            clock = market_clock(running)
            connection = await connect(settings(endpoint, running), MarketSettings(), clock, keys(running))
        try:  # the door is gone: nobody listens on its port
            assert connection.exchange is not None
            with pytest.raises(Unavailable, match="not sent"):
                await connection.exchange.submit(limit("x-1", Decimal("50000")))
        finally:
            await connection.close()


# --- reads ------------------------------------------------------------------------------------------------------


async def test_reads_are_retried_and_broken_answers_are_never_believed(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench:
        answers = [Answer(503, b"<html></html>", (("Content-Type", "text/html"),)), Answer(200, b'{"balances":[')]
        bench.door.instead = lambda _method, path: answers.pop() if path.endswith("/account") and answers else None
        balances = await bench.exchange.balances()
        assert {balance.currency for balance in balances} == {"USDT"}
        assert answers == []
        bench.door.instead = lambda _method, path: Answer(200, b"{}") if path.endswith("/account") else None
        with pytest.raises(Unavailable):
            await bench.exchange.balances()
        bench.door.instead = lambda _method, path: Answer(200, b'[{"symbol":') if path.endswith("/openOrders") else None
        with pytest.raises(Unavailable):
            await bench.exchange.open_orders()


async def test_a_dead_exchange_is_unavailable_after_a_few_attempts(tmp_path: Path) -> None:
    async with connected(tmp_path) as bench:
        with stamina.set_testing(True, attempts=3):
            bench.door.instead = lambda _method, _path: Answer(503, b"", (("Content-Type", "text/html"),))
            bench.door.requests.clear()
            with pytest.raises(Unavailable):
                await bench.exchange.order(OrderRef(BTC, "x"))
            assert len(bench.door.requests) == 3


# --- keys -------------------------------------------------------------------------------------------------------


async def test_a_wrong_secret_is_named_at_once(tmp_path: Path) -> None:
    async with sandbox(tmp_path, symbols=SYMBOLS) as running:
        for wrong in (Credentials(running.api_key, "x" * 64), Credentials("y" * 64, running.api_secret)):
            with pytest.raises(Misconfigured, match="refused the API key"):
                await connect(settings(running.endpoint, running), MarketSettings(), market_clock(running), wrong)


async def test_keys_that_can_withdraw_are_refused_unless_allowed(tmp_path: Path) -> None:
    async with sandbox(tmp_path, symbols=SYMBOLS) as running, faulty_door(running) as (door, endpoint):
        may = Answer(200, b'{"ipRestrict":false,"enableWithdrawals":true,"enableReading":true}')
        door.instead = lambda _method, path: may if path.endswith("apiRestrictions") else None
        with pytest.raises(Misconfigured, match="may withdraw"):
            await connect(settings(endpoint, running), MarketSettings(), market_clock(running), keys(running))
        accepted = settings(endpoint, running, allow_withdrawal_keys=True)
        connection = await connect(accepted, MarketSettings(), market_clock(running), keys(running))
        await connection.close()


async def test_what_cannot_be_traded_is_named(tmp_path: Path) -> None:
    async with sandbox(tmp_path, symbols=SYMBOLS) as running:
        wanted = settings(running.endpoint, running).model_copy(update={"symbols": (BTC, "BTC/EUR")})
        with pytest.raises(Misconfigured, match="BTC/EUR is not at binance; alike: BTC/USDT"):
            await connect(wanted, MarketSettings(), market_clock(running))
        unknown = wanted.model_copy(update={"id": "binanze"})
        with pytest.raises(Misconfigured, match="no exchange ccxt streams from"):
            await connect(unknown, MarketSettings(), market_clock(running))
