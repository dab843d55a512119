"""People's commands."""

from typing import assert_never

from trader.domain.account import Position
from trader.domain.closing import CloseReason
from trader.domain.decisions import AnswerCommand, Level
from trader.domain.events import CommandName, CommandReceived
from trader.domain.orders import Purpose
from trader.domain.overrides import Stance
from trader.domain.reasons import Code, because
from trader.engine import algorithms
from trader.engine.desk import Desk
from trader.engine.guards import guard, standing
from trader.engine.positions import exits

_CLOSING = (Stance.CLOSE, Stance.BAN)


def on_command(desk: Desk, command: CommandReceived) -> None:
    """Carry out a command and answer it."""
    match command.name:
        case CommandName.PAUSE:
            guard.pause(desk)
            answer = "paused: nothing new is opened, positions stay protected"
        case CommandName.RESUME:
            guard.resume(desk)
            answer = "resumed"
        case CommandName.FLATTEN:
            answer = f"closing {_flatten(desk, CloseReason.FLATTEN)} positions"
        case CommandName.KILL:
            answer = f"halted, closing {_flatten(desk, CloseReason.KILL)} positions"
            guard.halt(desk, because(Code.KILLED))
        case CommandName.OVERRIDE:
            answer = _override(desk, command)
        case CommandName.STOP:
            desk.state.is_stopping = True
            _abort_entries(desk, "shutting down")
            answer = "stopping"
        case never:
            assert_never(never)
    desk.notify(Level.INFO, f"command.{command.name.value}", f"{answer} (asked by {command.origin})")
    desk.emit(AnswerCommand(command.command_id, answer))


def _override(desk: Desk, command: CommandReceived) -> str:
    """Take what a person says of one symbol, and do at once what follows from it."""
    asked = command.override
    if asked is None or asked.symbol not in desk.state.markets:
        return f"nothing changed: {asked.symbol if asked else 'no symbol'} is not traded"
    said = standing.override(desk, asked, command.origin)
    if not said.stance.opens:
        exits.abort_entries(desk, asked.symbol, f"override: {said.words}")
    position = desk.state.account.ledger.positions.get(asked.symbol) if asked.stance in _CLOSING else None
    closing = ""
    if position is not None and flatten(desk, position, CloseReason.FLATTEN):
        closing = ", closing the position"
    unlocked = ", unlocked" if asked.unlock else ""
    return f"{asked.symbol}: {said.words or 'traded as usual'}{closing}{unlocked}"


def _abort_entries(desk: Desk, reason: str) -> None:
    for algorithm in list(desk.state.orders.algorithms.values()):
        if not algorithm.purpose.reduces:
            algorithms.abort(desk, algorithm.parent_id, reason)


def _flatten(desk: Desk, reason: CloseReason) -> int:
    """Stop opening, then close everything. Returns how many positions are being closed."""
    _abort_entries(desk, reason.value)
    count = 0
    for position in desk.state.account.ledger.positions.values():
        count += flatten(desk, position, reason)
    return count


def flatten(desk: Desk, position: Position, reason: CloseReason) -> bool:
    """Close one position at the market; False where there is too little to sell."""
    held = desk.market(position.symbol).instrument.round_quantity(abs(desk.held(position.symbol)))
    if held:
        exits.ask_exit(desk, position.symbol, held, reason, Purpose.FLATTEN, is_urgent=True)
    return bool(held)
