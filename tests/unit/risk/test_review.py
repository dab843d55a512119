"""The one pre-trade review."""

import ast
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

import trader
from tests.kit.builders import NOW_MS, a_book, a_perpetual, an_instrument, an_intent
from trader.config.risk import RiskSettings
from trader.config.sizing import SizingSettings
from trader.domain.commitments import Room
from trader.domain.decisions import TradingState
from trader.domain.orders import Approved, OrderIntent, OrderType, Purpose, Side
from trader.domain.reasons import Code
from trader.risk.review import Refused, ReviewView, review

RISK, SIZING = RiskSettings(), SizingSettings()
VIEW = ReviewView(
    now_ms=NOW_MS,
    instrument=an_instrument(),
    book=a_book(),
    equity=10_000.0,
    rooms=(Room(Code.CAP_EXPOSURE, 0.0, 9_000.0),),
    positions=1,
    position_quantity=Decimal(0),
    trading_state=TradingState.ACTIVE,
    stream_is_live=True,
    unknown_in_symbol=False,
    orders_last_minute=0,
    is_known_client_id=lambda client_id: client_id == "t-used",
)
# Everything that stops an entry at once; nothing of it may stop an exit.
STORM: dict[str, Any] = {
    "book": None,
    "equity": -5.0,
    "rooms": (Room(Code.CAP_EXPOSURE, 1e9, 0.0), Room(Code.CAP_FREE_BALANCE, 0.0, 0.0)),
    "positions": 100,
    "trading_state": TradingState.HALTED,
    "stream_is_live": False,
    "unknown_in_symbol": True,
    "orders_last_minute": 10_000,
}
LONG = {"position_quantity": Decimal(2)}


def reviewed(intent: OrderIntent | None = None, **changes: Any) -> Approved | Refused:
    return review(intent or an_intent(), msgspec.structs.replace(VIEW, **changes), RISK, SIZING)


def refusals(intent: OrderIntent | None = None, **changes: Any) -> tuple[str, ...]:
    outcome = reviewed(intent, **changes)
    assert isinstance(outcome, Refused), outcome
    return tuple(str(reason) for reason in outcome.reasons)


def a_stop(quantity: str = "2") -> OrderIntent:
    return an_intent(
        side=Side.SELL,
        type=OrderType.STOP_MARKET,
        purpose=Purpose.STOP,
        quantity=quantity,
        price=None,
        stop_price="95",
    )


def an_exit(quantity: str = "2", **changes: Any) -> OrderIntent:
    return an_intent(side=Side.SELL, purpose=Purpose.EXIT, quantity=quantity, **changes)


def test_a_sound_entry_is_approved_unchanged() -> None:
    intent = an_intent()
    assert reviewed(intent) == Approved(intent, NOW_MS)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"trading_state": TradingState.REDUCING}, "trading state is reducing"),
        ({"trading_state": TradingState.HALTED}, "trading state is halted"),
        ({"stream_is_live": False}, "market data is not live"),
        ({"unknown_in_symbol": True}, "an order of this symbol is without evidence"),
        ({"orders_last_minute": 120}, "120 orders in a minute, at most 120"),
        ({"book": None}, "there is no book to price against"),
        ({"equity": 0.0}, "equity 0.0 is not above 0"),
        ({"equity": float("nan")}, "equity nan is not above 0"),
        ({"equity": 199.0}, "order 100.00 above the limit of 99.50 USDT"),
        (
            {"rooms": (Room(Code.CAP_POSITION_NOTIONAL, 50.0, 149.0),)},
            "position of 150.00 above the limit of 149.00 USDT",
        ),
        (
            {"rooms": (Room(Code.CAP_POSITION_RISK, 1.0, 5.9, 0.05),)},
            "position at risk with 6.00, above the limit of 5.90 USDT",
        ),
        (
            {"rooms": (Room(Code.CAP_PORTFOLIO_RISK, 1.0, 5.9, 0.05),)},
            "portfolio at risk with 6.00, above the limit of 5.90 USDT",
        ),
        ({"rooms": (Room(Code.CAP_EXPOSURE, 8_950.0, 9_000.0),)}, "exposure 9050.00 above the limit of 9000.00 USDT"),
        (
            {"rooms": (Room(Code.CAP_CORRELATED, 4_950.0, 5_000.0),)},
            "correlated exposure 5050.00 above the limit of 5000.00 USDT",
        ),
        ({"rooms": (Room(Code.CAP_FREE_BALANCE, 0.0, 99.0, 1.001),)}, "free balance: 100.10 needed, 99.00 USDT there"),
        (
            {"rooms": (Room(Code.CAP_EXPOSURE, float("nan"), 9_000.0),)},
            "exposure nan above the limit of 9000.00 USDT",
        ),
        ({"positions": 9}, "8 positions open, at most 8"),
    ],
)
def test_each_limit_refuses_an_entry(changes: dict[str, Any], reason: str) -> None:
    assert refusals(**changes) == (reason,)


def test_what_exactly_fits_is_approved() -> None:
    exact = (Room(Code.CAP_EXPOSURE, 8_900.0, 9_000.0), Room(Code.CAP_POSITION_RISK, 1.0, 6.0, 0.05))
    assert isinstance(reviewed(rooms=exact), Approved)
    above = (Room(Code.CAP_EXPOSURE, 8_900.001, 9_000.0),)
    assert isinstance(reviewed(rooms=above), Refused)


@pytest.mark.parametrize(
    ("side", "price"),
    [(Side.BUY, 100.01), (Side.SELL, 99.99)],
)
def test_a_market_order_is_reviewed_at_the_touch_it_takes(side: Side, price: float) -> None:
    intent = an_intent(symbol=a_perpetual().symbol, side=side, type=OrderType.MARKET, price=None)
    view = {"instrument": a_perpetual(), "book": a_book(bid=99.99, ask=100.01)}
    assert isinstance(reviewed(intent, **view, rooms=(Room(Code.CAP_EXPOSURE, 0.0, price),)), Approved)
    assert isinstance(reviewed(intent, **view, rooms=(Room(Code.CAP_EXPOSURE, 0.0, price - 0.005),)), Refused)


@pytest.mark.parametrize(
    ("rooms", "quantity"),
    [
        ((Room(Code.CAP_EXPOSURE, 8_950.0, 9_000.0),), "0.5"),
        ((Room(Code.CAP_EXPOSURE, 8_950.0, 9_000.0), Room(Code.CAP_POSITION_RISK, 3.75, 5.0, 0.05)), "0.25"),
        ((Room(Code.CAP_EXPOSURE, 8_994.9, 9_000.0),), "0.051"),
        ((Room(Code.CAP_EXPOSURE, 8_995.1, 9_000.0),), "0"),  # less than 5 USDT: the exchange takes no such order
        ((Room(Code.CAP_EXPOSURE, 9_950.0, 9_000.0),), "0"),
        ((Room(Code.CAP_LIQUIDATION, 8_950.0, 9_000.0),), "0.5"),
    ],
)
def test_what_fits_of_an_order_is_the_least_that_a_cap_leaves(rooms: tuple[Room, ...], quantity: str) -> None:
    outcome = reviewed(rooms=rooms)
    assert isinstance(outcome, Refused)
    assert outcome.fits == Decimal(quantity)


def test_an_order_above_the_limit_of_one_order_fits_up_to_it() -> None:
    outcome = reviewed(an_intent(quantity="60", price="100"), rooms=())
    assert isinstance(outcome, Refused)
    assert outcome.fits == Decimal(50)  # half of 10,000


@pytest.mark.parametrize(
    "changed",
    [{"trading_state": TradingState.REDUCING}, {"orders_last_minute": 10_000}, {"positions": 100}, {"book": None}],
)
def test_of_an_order_that_more_than_a_cap_forbids_nothing_fits(changed: dict[str, Any]) -> None:
    outcome = reviewed(rooms=(Room(Code.CAP_EXPOSURE, 8_950.0, 9_000.0),), **changed)
    assert isinstance(outcome, Refused)
    assert outcome.fits == 0


def test_of_an_order_without_a_price_nothing_is_said_to_fit() -> None:
    intent = an_intent(type=OrderType.MARKET, price=None)
    outcome = reviewed(intent, rooms=(Room(Code.CAP_EXPOSURE, 8_950.0, 9_000.0),))
    assert isinstance(outcome, Refused)
    assert outcome.fits == 0


def test_a_price_far_from_the_market_is_refused() -> None:
    assert refusals(an_intent(price="106")) == ("price 106 is 6.0% from the market, at most 5.0%",)
    assert isinstance(reviewed(an_intent(price="104")), Approved)


def test_a_price_at_the_very_end_of_the_band_passes() -> None:
    wide = RISK.model_copy(update={"price_band_frac": 0.5})
    assert isinstance(review(an_intent(price="150"), VIEW, wide, SIZING), Approved)
    assert isinstance(review(an_intent(price="150.01"), VIEW, wide, SIZING), Refused)


@pytest.mark.parametrize(
    "changes",
    [
        {"rooms": (Room(Code.CAP_EXPOSURE, 8_900.0, 9_000.0),)},
        {"rooms": (Room(Code.CAP_FREE_BALANCE, 0.0, 25.0, 0.25),)},
        {"equity": 200.0},
        {"positions": SIZING.max_positions},
    ],
)
def test_what_reaches_a_limit_exactly_passes(changes: dict[str, Any]) -> None:
    assert isinstance(reviewed(**changes), Approved)


def test_an_account_below_one_of_its_quote_has_its_limits_too() -> None:
    assert refusals(equity=0.5)[0] == "order 100.00 above the limit of 0.25 USDT"


def test_coins_worth_less_than_one_are_bought_and_guarded() -> None:
    cheap = {"instrument": an_instrument(tick="0.0001"), "book": a_book(bid=0.4999, ask=0.5001, tick=0.0001)}
    assert isinstance(reviewed(an_intent(price="0.5", quantity="20"), **cheap), Approved)
    stop = msgspec.structs.replace(a_stop("20"), stop_price=Decimal("0.45"))
    assert isinstance(reviewed(stop, position_quantity=Decimal(20), **cheap), Approved)


def test_spot_cannot_short_and_a_perpetual_can() -> None:
    assert "spot cannot short" in refusals(an_intent(side=Side.SELL))
    perpetual = a_perpetual()
    intent = an_intent(symbol=perpetual.symbol, side=Side.SELL)
    assert isinstance(reviewed(intent, instrument=perpetual), Approved)


def test_a_hedge_opens_exposure_and_is_reviewed_as_such_but_reducing_lets_it_pass() -> None:
    hedge = an_intent(purpose=Purpose.HEDGE)
    assert refusals(hedge, trading_state=TradingState.HALTED) == ("trading state is halted",)
    assert isinstance(reviewed(hedge, trading_state=TradingState.REDUCING), Approved)
    assert refusals(an_intent(), trading_state=TradingState.REDUCING) == ("trading state is reducing",)
    assert refusals(hedge, stream_is_live=False) == ("market data is not live",)


@pytest.mark.parametrize(
    ("intent", "reason"),
    [
        (an_intent(""), "client id '' is not 1 to 36 characters"),
        (an_intent("t_1"), "client id 't_1' is not 1 to 36 characters of A-Z a-z 0-9 -"),
        (an_intent("t-" + "x" * 35), "is not 1 to 36 characters"),
        (an_intent("t 1"), "is not 1 to 36 characters"),
        (an_intent("t-used"), "client id t-used was used before"),
        (an_intent(symbol="ETH/USDT"), "symbol ETH/USDT reviewed as BTC/USDT"),
        (an_intent(price=None), "limit order at price None"),
        (an_intent(price="-1"), "limit order at price -1"),
        (an_intent(price="0"), "limit order at price 0"),
        (an_intent(type=OrderType.STOP_MARKET, price=None), "stop order at stop price None"),
        (an_intent(type=OrderType.STOP_MARKET, price=None, stop_price="0"), "stop order at stop price 0"),
        (an_intent(type=OrderType.STOP_MARKET, price=None, stop_price="-1"), "stop order at stop price -1"),
        (an_intent(quantity="0"), "quantity 0 below minimum"),
        (an_intent(quantity="0.000001"), "below minimum"),
        (an_intent(quantity="1.000001"), "not on step"),
        (an_intent(price="100.001"), "not on tick"),
        (an_intent(quantity="0.01"), "notional 1.00 below minimum 5 USDT"),
        (an_intent(quantity="0.01", type=OrderType.MARKET, price=None), "notional 1.00 below minimum 5 USDT"),
    ],
)
def test_what_is_malformed_is_refused(intent: OrderIntent, reason: str) -> None:
    assert any(reason in given for given in refusals(intent))


@pytest.mark.parametrize("intent", [a_stop(), an_exit(), an_exit("0.5"), an_exit(type=OrderType.MARKET, price=None)])
def test_nothing_but_form_and_size_holds_protection_back(intent: OrderIntent) -> None:
    assert isinstance(reviewed(intent, **LONG, **STORM), Approved)


@pytest.mark.parametrize(
    ("intent", "reason"),
    [
        (a_stop("2.1"), "stop of 2.1 exceeds the position of 2"),
        (an_exit("2.1"), "exit of 2.1 exceeds the position of 2"),
        (an_intent(purpose=Purpose.EXIT), "exit buy reduces nothing: the position is 2"),
        (an_intent("t-used", side=Side.SELL, purpose=Purpose.FLATTEN), "was used before"),
        (an_exit("1.000001"), "not on step"),
    ],
)
def test_an_exit_larger_than_the_position_or_malformed_is_refused(intent: OrderIntent, reason: str) -> None:
    assert any(reason in given for given in refusals(intent, **LONG))


@pytest.mark.parametrize(
    ("held", "side", "reason"),
    [
        ("0", Side.SELL, "exit sell reduces nothing: the position is 0"),
        ("0", Side.BUY, "exit buy reduces nothing: the position is 0"),
        ("0.5", Side.BUY, "exit buy reduces nothing: the position is 0.5"),
        ("-0.5", Side.SELL, "exit sell reduces nothing: the position is -0.5"),
    ],
)
def test_an_exit_that_would_add_is_refused(held: str, side: Side, reason: str) -> None:
    intent = an_intent(side=side, purpose=Purpose.EXIT, quantity="0.5")
    assert refusals(intent, position_quantity=Decimal(held)) == (reason,)


def test_exits_share_the_position_but_the_resting_stop_covers_all_of_it() -> None:
    view = {**LONG, "open_reducing_quantity": Decimal("1.5")}
    assert refusals(an_exit("0.6"), **view) == ("exit of 0.6 with 1.5 in other exits exceeds the position of 2",)
    assert isinstance(reviewed(an_exit("0.5"), **view), Approved)
    assert isinstance(reviewed(a_stop("2"), **view), Approved)


def test_a_short_is_covered_by_buying() -> None:
    perpetual = a_perpetual(min_notional="100")
    cover = an_intent(
        symbol=perpetual.symbol, purpose=Purpose.EXIT, quantity="0.5", reduce_only=True
    )  # 50 USDT: below the minimum, which does not bind orders that only reduce
    view = {"instrument": perpetual, "position_quantity": Decimal("-0.5")}
    assert isinstance(reviewed(cover, **view), Approved)
    assert refusals(msgspec.structs.replace(cover, reduce_only=False), **view) == (
        "notional 50.00 below minimum 100 USDT",
    )


def test_all_reasons_are_given() -> None:
    assert len(refusals(an_intent("t-used", price="200"), **STORM)) >= 6


def test_only_the_review_makes_an_approved_order() -> None:
    makers = set()
    root = Path(trader.__file__).parent
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                named = node.func
                name = named.id if isinstance(named, ast.Name) else getattr(named, "attr", "")
                if name == "Approved":
                    makers.add(path.relative_to(root).as_posix())
    assert makers == {"risk/review.py"}
