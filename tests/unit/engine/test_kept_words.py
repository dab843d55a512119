"""What a person reads who must mend a ledger before a start: what there is, where, and what to do."""

import re

import pytest

from tests.kit.situations import Scene, a_scene, coins, sent
from trader.domain.errors import Misconfigured
from trader.domain.events import CommandName
from trader.domain.orders import OrderStatus
from trader.engine.state.kept import decoded
from trader.engine.state.remembered import require_known_symbols


@pytest.mark.parametrize(
    ("kind", "blob", "advice"),
    [
        ("hedge", b"", "; start the newer version that wrote it, or restore the backup from before it"),
        ("plan", b"\xc1", "; start the version that wrote it, or restore a backup"),
    ],
)
def test_what_cannot_be_read_is_named_with_what_to_do(kind: str, blob: bytes, advice: str) -> None:
    with pytest.raises(Misconfigured, match=re.escape(advice) + "$"):
        decoded(kind, "x", blob)


def an_order(scene: Scene) -> None:
    scene.forecast()
    scene.report(sent(scene.seen)[-1].client_id, OrderStatus.OPEN)
    scene.engine.state.orders.algorithms.clear()


def a_parent(scene: Scene) -> None:
    scene.forecast()
    scene.report(sent(scene.seen)[-1].client_id, OrderStatus.CANCELED)


def an_exit(scene: Scene) -> None:
    scene.enter()
    scene.command(CommandName.FLATTEN)
    state = scene.engine.state
    leaving = dict(state.positions.exits)
    scene.oblige()
    state.positions.exits.update(leaving)


def a_position(scene: Scene) -> None:
    scene.enter()


@pytest.mark.parametrize(
    ("begin", "what"),
    [(an_order, "an order"), (a_parent, "an order"), (an_exit, "an exit"), (a_position, "a position")],
)
def test_what_is_under_way_in_a_symbol_that_is_gone_is_named(begin: object, what: str) -> None:
    scene = a_scene(instruments=coins("BTC", "XRP"))
    assert callable(begin)
    begin(scene)
    expected = f"the ledger holds {what} in BTC/USDT, which exchange.symbols does not list; "
    with pytest.raises(Misconfigured, match="^" + re.escape(expected)):
        require_known_symbols(scene.engine.state, ["XRP/USDT"])
