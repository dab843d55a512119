"""What the perpetual account's stream tells: reasons, liquidations, conditional orders; how long a key lives."""

from typing import Any

import pytest

from tests.unit.simulation.perpetual_shop import BUY, SELL, D, PerpetualShop, limit, market
from trader.clock import ScaledClock
from trader.sandbox.binance.protocol.errors import BinanceError
from trader.sandbox.binance.usdm.userfeed import LISTEN_KEY_S, UsdmUserFeed
from trader.sandbox.sockets.hub import Listener
from trader.simulation.records.conditional import ConditionalKind


class Ear(Listener):
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def send_json(self, message: object) -> None:
        self.heard.append(message)

    def of(self, event: str) -> list[Any]:
        return [message for message in self.heard if message["e"] == event]


class Listening:
    """A shop, its account stream, and a real clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.shop = PerpetualShop(rate="0.001")
        self.feed = UsdmUserFeed(self.shop.exchange, ScaledClock(0, 0, 60), lambda: self.now_s)
        self.ear = Ear()
        self.feed.issue()
        self.feed.subscribe(self.ear)


def test_a_fill_tells_the_order_then_the_wallet_and_the_position() -> None:
    told = Listening()
    told.shop.submit(market(BUY, "2"))
    new, trade, account = told.ear.heard
    assert (new["o"]["x"], trade["o"]["x"], trade["o"]["X"]) == ("NEW", "TRADE", "FILLED")
    assert (trade["o"]["l"], trade["o"]["L"], trade["o"]["N"]) == ("2.00000000", "100.10000000", "USDT")
    assert (account["a"]["m"], account["a"]["B"][0]["bc"]) == ("ORDER", "0.00000000")
    [position] = account["a"]["P"]
    assert (position["s"], position["pa"], position["ep"]) == ("BTCUSDT", "2.00000000", "100.10000000")
    assert position["up"] == "-0.20000000"
    told.shop.submit(market(SELL, "2", name="out"))
    assert told.ear.heard[-2]["o"]["rp"] == "-0.40000000"
    assert told.ear.heard[-1]["a"]["P"][0]["cr"] == "-0.40000000"


def test_orders_without_a_fill_tell_no_account_update() -> None:
    told = Listening()
    told.shop.submit(limit(BUY, "2", "99", post_only=True))
    told.shop.exchange.amend("BTC/USDT:USDT", told.shop.tick(), quantity=D(3), price=D(98), client_id="l")
    told.shop.exchange.cancel("BTC/USDT:USDT", told.shop.tick(), client_id="l")
    assert [message["o"]["x"] for message in told.ear.heard] == ["NEW", "AMENDMENT", "CANCELED"]
    assert {message["o"]["f"] for message in told.ear.heard} == {"GTX"}


def test_funding_moves_the_wallet_alone_and_says_by_how_much() -> None:
    told = Listening()
    told.shop.submit(market(BUY, "2"))
    told.shop.wait(8)
    told.shop.trade(100.0)
    update = told.ear.of("ACCOUNT_UPDATE")[-1]["a"]
    assert (update["m"], update["P"], update["B"][0]["bc"]) == ("FUNDING_FEE", [], "-0.20000000")
    told.shop.exchange.deposit("USDT", D(-5), told.shop.tick())
    assert told.ear.of("ACCOUNT_UPDATE")[-1]["a"]["m"] == "WITHDRAW"
    told.shop.exchange.deposit("USDT", D(7), told.shop.tick())
    update = told.ear.of("ACCOUNT_UPDATE")[-1]["a"]
    assert (update["m"], update["B"][0]["bc"]) == ("DEPOSIT", "7.00000000")


def test_a_liquidation_is_told_as_calculated() -> None:
    told = Listening()
    told.shop.submit(market(BUY, "80"))
    told.shop.mark(80.0)
    forced = [
        message["o"] for message in told.ear.of("ORDER_TRADE_UPDATE") if message["o"]["c"].startswith("autoclose-")
    ]
    assert {order["x"] for order in forced} == {"CALCULATED"}
    assert (forced[-1]["X"], forced[-1]["S"], forced[-1]["R"]) == ("FILLED", "SELL", True)
    update = told.ear.of("ACCOUNT_UPDATE")[-1]["a"]
    assert (update["m"], update["P"][0]["pa"]) == ("INSURANCE_CLEAR", "0.00000000")


def test_a_conditional_order_is_told_through_its_whole_life() -> None:
    told = Listening()
    told.shop.submit(market(BUY, "2"))
    told.shop.place(ConditionalKind.STOP_MARKET, SELL, "98", reduce_only=True, quantity=D(2))
    told.shop.place(ConditionalKind.STOP_MARKET, SELL, "97", reduce_only=True, client_id="late")
    told.shop.trade(98.0)
    told.shop.trade(97.0)
    updates = [message["o"] for message in told.ear.of("ALGO_UPDATE")]
    by_name = {name: [o["X"] for o in updates if o["caid"] == name] for name in ("c", "late")}
    assert by_name == {
        "c": ["NEW", "TRIGGERING", "TRIGGERED", "FINISHED"],
        "late": ["NEW", "TRIGGERING", "REJECTED"],
    }
    assert updates[-1]["rm"] == "Reduce Only reject"
    finished = next(o for o in updates if o["X"] == "FINISHED")
    order = next(o["o"] for o in told.ear.of("ORDER_TRADE_UPDATE") if o["o"]["c"] == "c")
    assert (finished["ai"], finished["aq"], finished["act"]) == (str(order["i"]), "2.00000000", "MARKET")


def test_a_key_lives_an_hour_unless_it_is_renewed() -> None:
    told = Listening()
    key = told.feed.issue()
    told.now_s = LISTEN_KEY_S - 1
    assert told.feed.renew() == key
    told.now_s += LISTEN_KEY_S - 1
    told.feed.expire_due()
    assert told.feed.knows(key)
    told.now_s += 2
    told.feed.expire_due()
    assert told.ear.heard[-1] == {"e": "listenKeyExpired", "E": told.ear.heard[-1]["E"], "listenKey": key}
    assert not told.feed.knows(key)
    assert not told.feed.knows("")
    with pytest.raises(BinanceError):
        told.feed.renew()
    told.shop.submit(market(BUY, "2"))
    assert told.ear.heard[-1]["e"] == "listenKeyExpired"
    assert told.feed.issue() != key


def test_faults_may_lose_double_or_end_what_is_told() -> None:
    told = Listening()
    told.feed.spoil = lambda event: (event, event)
    told.shop.submit(limit(BUY, "2", "99"))
    assert len(told.ear.heard) == 2
    assert told.feed.lose() == 1
    told.shop.submit(limit(BUY, "2", "98", name="unheard"))
    assert len(told.ear.heard) == 2
    told.feed.subscribe(told.ear)
    told.feed.forget(told.ear)
    assert told.feed.end() == 0
