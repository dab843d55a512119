"""The row of a closed trade: a position from flat to flat, whatever happened to the process in between."""

from decimal import Decimal

import pytest

from tests.kit.situations import MINUTE_MS, Scene, a_scene, of
from trader.domain.account import Position
from trader.domain.decisions import ClosedTrade, KeepFill, RecordTrade
from trader.domain.events import CommandName
from trader.domain.orders import Fill, Side


def left_in_two(side: Side, *, restarts: int) -> tuple[Scene, ClosedTrade]:
    """Half of it leaves at 2 R, the rest as a person asks for it. The process may end in between, more than once."""
    scene = a_scene(perpetual=side is Side.SELL)
    scene.enter(0.02 * side.sign)
    scene.wait(MINUTE_MS)
    scene.price(100.0 + 2.2 * side.sign)
    scene.oblige()
    scene.price(100.0 + 1.0 * side.sign)  # short of the target of the rest
    for _ in range(restarts):
        scene.wait(MINUTE_MS)
        scene.restart()
        scene.reconcile(is_startup=True)
        scene.live_on(5_000)
    scene.now_ms = scene.plan().opened_ms + 10 * MINUTE_MS
    scene.command(CommandName.FLATTEN)
    scene.oblige()
    [trade] = of(scene.seen, RecordTrade)
    return scene, trade.trade


def fills(scene: Scene, side: Side) -> list[Fill]:
    return [kept.fill for kept in of(scene.seen, KeepFill) if kept.fill.side is side]


@pytest.mark.parametrize("restarts", [0, 1, 2])
@pytest.mark.parametrize("side", list(Side))
def test_a_trade_is_told_whole_over_restarts(side: Side, restarts: int) -> None:
    scene, trade = left_in_two(side, restarts=restarts)
    [entry], exits = fills(scene, side), fills(scene, side.opposite)
    assert len(exits) == 2
    assert (trade.quantity, trade.entry_price) == (entry.quantity, entry.price)
    assert trade.exit_price == pytest.approx(sum(fill.quantity * fill.price for fill in exits) / entry.quantity)
    assert trade == left_in_two(side, restarts=0)[1]


def test_the_trade_before_it_is_no_part_of_it() -> None:
    scene, first = left_in_two(Side.BUY, restarts=1)
    scene.wait(MINUTE_MS)
    scene.price(100.0)
    scene.enter()
    scene.wait(MINUTE_MS)
    scene.restart()
    scene.reconcile(is_startup=True)
    scene.command(CommandName.FLATTEN)
    scene.oblige()
    second = of(scene.seen, RecordTrade)[-1].trade
    assert second.opened_ms > first.closed_ms
    assert second.quantity == fills(scene, Side.BUY)[-1].quantity
    assert second.exit_price == fills(scene, Side.SELL)[-1].price


def test_of_a_position_that_somebody_else_opened_what_was_seen_is_told() -> None:
    """No fill of its entry is known: its entry price is the exchange's."""
    scene = a_scene(perpetual=True)
    for _ in range(2):
        scene.reconcile(positions=[Position(scene.symbol, Decimal(-3), Decimal(90), scene.now_ms)])
    scene.live_on(5_000)
    scene.restart()
    scene.reconcile(is_startup=True)
    scene.command(CommandName.FLATTEN)
    scene.oblige()
    [trade] = of(scene.seen, RecordTrade)
    assert (trade.trade.side, trade.trade.quantity, trade.trade.entry_price) == (Side.SELL, Decimal(3), Decimal(90))
