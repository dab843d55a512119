"""What a restart remembers: of older versions in their shapes, and of symbols that are no longer configured."""

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from tests.kit.builders import NOW_MS, SYMBOL, a_fill, an_instrument
from tests.kit.situations import MINUTE_MS, Scene, a_scene, coins, of, sent
from trader.config import Settings
from trader.domain.account import Position
from trader.domain.closing import CloseReason
from trader.domain.decisions import ClosedTrade, KeepState
from trader.domain.errors import Misconfigured
from trader.domain.events import CommandName, Ticked
from trader.domain.orders import OrderStatus, Purpose, Side
from trader.domain.refusals import Refusal, RefusalCode
from trader.engine.state import EngineState
from trader.engine.state.remembered import require_known_symbols
from trader.ports import REMEMBERED_TRADES
from trader.runtime.memory import Memory
from trader.runtime.turn import Turn


def restored(scene: Scene, *, without: str = "", **changed: bytes) -> EngineState:
    """The state of a daemon that starts with what `scene` has written down, for the symbols but `without`."""
    memory = Memory("test-ledger")
    memory.write(Turn(Ticked(), scene.seen))
    for kind, blob in changed.items():
        key = next(key for found, key in memory.state if found == kind)
        memory.state[(kind, key)] = blob
    instruments = {symbol: each for symbol, each in scene.instruments.items() if symbol != without}
    state = EngineState(Settings(), instruments or {"LTC/USDT": an_instrument("LTC/USDT")}, ledger_id="test-ledger")
    state.restore(memory)
    return state


def nothing(_: Scene) -> None: ...


def resting(scene: Scene) -> None:
    """An entry order rests, of which nothing has traded."""
    scene.forecast(symbol="XRP/USDT")
    scene.report(sent(scene.seen)[-1].client_id, OrderStatus.OPEN)


def owing(scene: Scene) -> None:
    """An order has ended and owes its fills."""
    scene.forecast(symbol="XRP/USDT")
    scene.report(sent(scene.seen)[-1].client_id, OrderStatus.FILLED, filled="1")


def slicing(scene: Scene) -> None:
    """An entry waits for its next slice: no order lives."""
    scene.forecast(symbol="XRP/USDT")
    scene.report(sent(scene.seen)[-1].client_id, OrderStatus.CANCELED)


def holding(scene: Scene) -> None:
    scene.enter(symbol="XRP/USDT")


def closed(scene: Scene) -> None:
    scene.enter(symbol="XRP/USDT")
    scene.command(CommandName.FLATTEN)
    scene.oblige()


@pytest.mark.parametrize(
    ("situation", "what"),
    [
        (nothing, ""),
        (closed, ""),
        (resting, "an order"),
        (owing, "an order"),
        (slicing, "an order"),
        (holding, "a position"),
    ],
)
def test_what_is_under_way_in_a_symbol_that_is_gone_refuses_the_start(
    situation: Callable[[Scene], None], what: str
) -> None:
    scene = a_scene({"execution": {"algorithm": "limit"}}, instruments=coins("BTC", "XRP"))
    if situation in (holding, closed, slicing):
        scene = a_scene(instruments=coins("BTC", "XRP"))
    situation(scene)
    require_known_symbols(restored(scene), scene.instruments)
    state = restored(scene, without="XRP/USDT")
    if not what:
        require_known_symbols(state, state.markets)
        return
    with pytest.raises(Misconfigured) as refused:
        require_known_symbols(state, state.markets)
    assert str(refused.value) == (
        f"the ledger holds {what} in XRP/USDT, which exchange.symbols does not list; "
        "add it back until the position is closed and its orders have ended"
    )


def test_everything_that_is_under_way_is_named() -> None:
    scene = a_scene(instruments=coins("BTC", "XRP"))
    scene.enter(symbol="XRP/USDT")
    scene.forecast(symbol="BTC/USDT")
    state = EngineState(Settings(), {"LTC/USDT": an_instrument("LTC/USDT")}, ledger_id="test-ledger")
    memory = Memory("test-ledger")
    memory.write(Turn(Ticked(), scene.seen))
    state.restore(memory)
    with pytest.raises(Misconfigured, match="holds an order in BTC/USDT, a position in XRP/USDT, which"):
        require_known_symbols(state, state.markets)


def kept(scene: Scene, kind: str) -> dict[str, object]:
    """The fields of a part of the state, as they were written."""
    blob = [k.value for k in of(scene.seen, KeepState) if k.kind == kind][-1]
    assert blob is not None
    fields: dict[str, object] = msgspec.msgpack.decode(blob)
    return fields


@pytest.mark.parametrize(
    ("words", "refusal"),
    [("", None), ("not_sent: offline", Refusal(RefusalCode.NOT_SENT, "offline"))],
)
def test_an_algorithm_of_a_version_that_kept_the_refusal_in_words(words: str, refusal: Refusal | None) -> None:
    scene = a_scene()
    scene.enter()
    scene.wait(MINUTE_MS)
    scene.command(CommandName.FLATTEN)
    fields = kept(scene, "algorithm")
    fields.pop("refusal")
    for old in ({**fields, "failure_reason": words}, *([fields] if not words else [])):
        [algorithm] = restored(scene, algorithm=msgspec.msgpack.encode(old)).orders.algorithms.values()
        assert algorithm.refusal == refusal
        assert algorithm.purpose is Purpose.FLATTEN


def test_breakers_of_a_version_that_kept_the_halt_in_words() -> None:
    scene = a_scene()
    scene.command(CommandName.KILL)
    fields = kept(scene, "breakers")
    fields.pop("halt")
    for words in ("killed by command", ""):
        old = {**fields, "halt_reason": words, "reasons": ["killed by command"] if words else []}
        breakers = restored(scene, breakers=msgspec.msgpack.encode(old)).guard.breakers
        assert (str(breakers.halt) if breakers.halt else "") == words
        assert [str(reason) for reason in breakers.reasons] == ([words] if words else [])


@pytest.mark.parametrize("blob", [b"", b"\xc1", msgspec.msgpack.encode({"symbol": 7}), msgspec.msgpack.encode(3)])
def test_what_cannot_be_read_refuses_the_start_by_name(blob: bytes) -> None:
    scene = a_scene()
    scene.enter()
    with pytest.raises(Misconfigured, match="state of kind 'plan' \\(key 'BTC/USDT'\\) cannot be read"):
        restored(scene, plan=blob)


def test_a_kind_nobody_knows_refuses_the_start_by_name() -> None:
    state = EngineState(Settings(), {"LTC/USDT": an_instrument("LTC/USDT")}, ledger_id="test-ledger")
    memory = Memory("test-ledger", state={("hedge", "x"): b""})
    with pytest.raises(Misconfigured, match="state of kind 'hedge' \\(key 'x'\\), which this version does not know"):
        state.restore(memory)


# --- trades ---------------------------------------------------------------------------------------------------


def of_memory(memory: Memory) -> EngineState:
    state = EngineState(Settings(), {SYMBOL: an_instrument()}, ledger_id="test-ledger")
    state.restore(memory)
    return state


def test_a_trade_that_goes_on_after_a_restart_is_told_whole() -> None:
    """2 bought at 100; 1 sold at 110 before the restart, 1 at 120 after it."""
    out = a_fill("f-2", side=Side.SELL, price="110", ts_ms=NOW_MS + 1)
    memory = Memory(
        "test-ledger",
        positions_by_symbol={SYMBOL: Position(SYMBOL, Decimal(1), Decimal(100), NOW_MS, Decimal(10))},
        fills_by_symbol={SYMBOL: [a_fill("f-1", quantity="2"), out]},
    )
    last = msgspec.structs.replace(out, fill_id="f-3", price=Decimal(120), ts_ms=NOW_MS + 2)
    trade = of_memory(memory).account.ledger.apply(last, an_instrument()).closed
    assert trade is not None
    assert (trade.quantity, trade.exit_price, trade.profit_quote) == (Decimal(2), Decimal(115), Decimal(30))


def test_trades_are_remembered_oldest_first_and_not_for_ever() -> None:
    one = Decimal(1)
    older, newer = (
        ClosedTrade(SYMBOL, Side.BUY, NOW_MS, NOW_MS + ms, one, one, one, one, one, CloseReason.EXIT) for ms in (1, 2)
    )
    trades = of_memory(Memory("test-ledger", trades_closed=[older, newer])).standing.trades
    assert list(trades) == [older, newer]
    assert trades.maxlen == REMEMBERED_TRADES
