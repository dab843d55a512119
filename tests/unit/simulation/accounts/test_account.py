"""The spot account: what an order locks, and that money only moves by trades."""

import msgspec
import pytest

from tests.unit.simulation.shop import BTC, BUY, SELL, SYMBOL, D
from trader.domain.account import Balance
from trader.domain.errors import InvariantBroken, Rejected
from trader.domain.orders import OrderStatus, OrderType, Side, TimeInForce
from trader.simulation.accounts.account import AccountChange, SpotAccount
from trader.simulation.records.sim_orders import SimOrder, SimTrade


def account(usdt: str = "1000", btc: str = "2") -> SpotAccount:
    return SpotAccount({SYMBOL: BTC}, [Balance("USDT", D(usdt)), Balance("BTC", D(btc))])


def order(side: Side, quantity: str, price: str | None, *, stop: str | None = None) -> SimOrder:
    kind = OrderType.STOP_MARKET if stop else OrderType.LIMIT if price else OrderType.MARKET
    return SimOrder(
        exchange_id=1,
        client_id="a",
        symbol=SYMBOL,
        side=side,
        type=kind,
        time_in_force=TimeInForce.GTC,
        post_only=False,
        quantity=D(quantity),
        price=None if price is None else D(price),
        stop_price=None if stop is None else D(stop),
        status=OrderStatus.OPEN,
        filled=D(0),
        filled_quote=D(0),
        created_ms=0,
        updated_ms=0,
    )


def amounts(of: SpotAccount) -> dict[str, tuple[float, float]]:
    return {b.currency: (float(b.free), float(b.locked)) for b in of.balances()}


def fill(of: SimOrder, quantity: str, price: str, fee: str) -> tuple[SimOrder, SimTrade]:
    currency = BTC.base if of.side is BUY else BTC.quote
    trade = SimTrade(1, 1, "a", SYMBOL, of.side, D(price), D(quantity), D(fee), currency, False, 0)
    filled = of.filled + trade.quantity
    status = OrderStatus.FILLED if filled == of.quantity else OrderStatus.PARTIALLY_FILLED
    return msgspec.structs.replace(of, filled=filled, status=status), trade


def test_a_limit_buy_locks_at_its_price_and_gets_the_difference_back() -> None:
    held = account()
    placed = order(BUY, "5", "100")
    held.change(None, placed, None)
    assert amounts(held) == {"BTC": (2, 0), "USDT": (500, 500)}
    partly, trade = fill(placed, "2", "90", "0.1")
    held.change(placed, partly, trade)
    assert amounts(held) == {"BTC": (3.9, 0), "USDT": (520, 300)}
    held.change(partly, msgspec.structs.replace(partly, status=OrderStatus.CANCELED), None)
    assert amounts(held) == {"BTC": (3.9, 0), "USDT": (820, 0)}


def test_a_sell_locks_base_and_receives_quote_less_the_fee() -> None:
    held = account()
    placed = order(SELL, "2", "100")
    held.change(None, placed, None)
    done, trade = fill(placed, "2", "110", "1")
    held.change(placed, done, trade)
    assert amounts(held) == {"BTC": (0, 0), "USDT": (1219, 0)}


def test_stops_lock_and_market_buys_do_not() -> None:
    held = account()
    held.change(None, order(BUY, "1", None, stop="300"), None)
    held.change(None, order(SELL, "1.5", None, stop="50"), None)
    held.change(None, order(BUY, "1", None), None)
    assert amounts(held) == {"BTC": (0.5, 1.5), "USDT": (700, 300)}


def test_a_triggered_buy_stop_pays_from_what_is_free() -> None:
    held = account()
    placed = order(BUY, "1", None, stop="300")
    held.change(None, placed, None)
    triggered = msgspec.structs.replace(placed, is_triggered=True)
    held.change(placed, triggered, None)
    assert amounts(held)["USDT"] == (1000, 0)
    assert held.budget(triggered) == 1000
    assert held.budget(order(SELL, "1", None)) is None


def test_admission_names_what_is_needed_and_what_is_free() -> None:
    held = account()
    held.admit(order(BUY, "10", "100"), D(0))
    with pytest.raises(Rejected, match=r"needs 1001 USDT, 1000 is free") as caught:
        held.admit(order(BUY, "10", None), D(1001))
    assert caught.value.code == "insufficient_funds"


def test_changed_balances_are_told_once() -> None:
    held = account()
    held.change(None, order(SELL, "1", "100"), None)
    assert held.take_changed() == AccountChange((Balance("BTC", D(1), D(1)),))
    assert held.take_changed() is None


def test_an_overdraft_is_a_broken_invariant_not_a_balance() -> None:
    with pytest.raises(InvariantBroken, match="USDT"):
        account().change(None, order(BUY, "11", "100"), None)
