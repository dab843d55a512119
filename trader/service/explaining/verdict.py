"""The first sentence: what was decided, and the one thing that decided it."""

from decimal import Decimal

from trader.domain.instrument import ZERO
from trader.domain.orders import Side
from trader.domain.reasons import Code, Reason
from trader.domain.signals import DecisionRecord, Verdict
from trader.domain.workings import Gate, GateName
from trader.ports import Aftermath
from trader.service.explaining.wording import amount, at, number

_NOT_ASKED = (GateName.INPUTS, GateName.JUDGED, GateName.HEDGE)
"""Gates before the strategy is asked: what they forbid is a decision at all."""
_OF_A_POSITION = (*_NOT_ASKED, GateName.TURNED, GateName.HOLD, GateName.STRATEGY)


def sentence(record: DecisionRecord, after: Aftermath, closed_ms: int) -> str:
    """One sentence with a full stop."""
    when = at(closed_ms)
    where = f"{record.symbol} at {when}"
    match record.verdict:
        case Verdict.ENTER:
            return f"{_entered(record, after, when)}."
        case Verdict.HOLD:
            return f"Kept the {_side(record.side)} in {where}: {_why_held(record)}."
        case Verdict.EXIT:
            return f"Left the {_side(_of_position(record.side))} in {where}: {_first(record)}."
        case Verdict.SKIP:
            return f"{_skipped(record)} {where}: {_first(record)}."


def first_no(record: DecisionRecord) -> Gate | None:
    """The gate that decided: the first that alone was enough to forbid it. None where nothing did, or none were kept.

    Of a position that was left, the last one: those before it only said that its edge is gone. Of one that was kept,
    one that was asked of it: what forbade another part is not among them.
    """
    refusing = [gate for gate in record.workings.gates if gate.says_no] if record.workings is not None else []
    if record.verdict is Verdict.HOLD:
        refusing = [gate for gate in refusing if gate.name in _OF_A_POSITION]
    if not refusing:
        return None
    return refusing[-1] if record.verdict is Verdict.EXIT else refusing[0]


def reason_of(record: DecisionRecord, gate: Gate) -> Reason | None:
    """The reason of the row that a gate gave; of one that forbade a further part, among its causes."""
    every = [*record.reasons, *(cause for reason in record.reasons for cause in reason.causes)]
    return next((reason for reason in every if reason.code == gate.code), None)


def wanted_side(record: DecisionRecord) -> Side | None:
    """The side that the forecast spoke for; None where it said nothing."""
    if record.side is not None:
        return record.side
    if record.prediction != record.prediction or record.prediction == 0:
        return None
    return Side.BUY if record.prediction > 0 else Side.SELL


def told(record: DecisionRecord, gate: Gate) -> str:
    """Why a gate said no, in words."""
    if gate.value is not None and gate.bar is not None and (words := _NUMBERED.get(gate.code)) is not None:
        before, between, unit = words
        return f"{before} {number(gate.value, unit)} {between} {number(gate.bar, unit)}"
    reason = reason_of(record, gate)
    return _lower(str(reason)) if reason is not None else gate.name.replace("_", " ")


_NUMBERED: dict[str, tuple[str, str, str]] = {
    Code.EDGE_BELOW_BAR: ("the edge of", "is below the bar of", "bp"),
    Code.EDGE_BELOW_IMPACT: ("the edge of", "does not pay for the costs with impact of", "bp"),
    Code.SIGNAL_TURNED: ("an edge of", "spoke against it, and it turns at", "bp"),
    Code.EDGE_GONE: ("its edge is gone,", "where the hold bar is", "bp"),
    Code.FORECAST_OLD: ("the forecast was", "old, at most", "s"),
    Code.STOP_TOO_WIDE: ("its stop would be", "away, at most", "%"),
    Code.FUNDING_ABOVE_EDGE: ("funding of", "is due before the next close, and its edge is", "bp"),
}


def _first(record: DecisionRecord) -> str:
    gate = first_no(record)
    if gate is not None:
        return told(record, gate)
    return _lower(str(record.reasons[0])) if record.reasons else "no reason was recorded"


def _skipped(record: DecisionRecord) -> str:
    gate, side = first_no(record), wanted_side(record)
    if side is None or (gate is not None and gate.name in _NOT_ASKED):
        return "Did nothing in"
    return "Did not buy" if side is Side.BUY else "Did not sell short"


def _entered(record: DecisionRecord, after: Aftermath, when: str) -> str:
    buys, asked = record.side is not Side.SELL, record.quantity or ZERO
    filled = sum((fill.quantity for fill in after.fills), ZERO)
    why = _for(record)
    refused = first_no(record)
    if refused is not None and refused.name == GateName.REVIEW and not after.orders:
        verb = "buy" if buys else "sell short"
        return (
            f"Wanted to {verb} {amount(asked)} {record.symbol} at {when}, and the review refused it: {_first(record)}"
        )
    return f"{_done(record, filled, asked, buys=buys)} at {when}{why}"


def _done(record: DecisionRecord, filled: Decimal, asked: Decimal, *, buys: bool) -> str:
    story = record.workings.size if record.workings is not None else None
    verb = ("Bought" if buys else "Sold short") if filled else ("Ordered" if buys else "Ordered to sell short")
    some = amount(asked) if filled >= asked or not filled else f"{amount(filled)} of {amount(asked)}"
    part = f" (part {story.part} of {story.parts})" if story is not None and story.parts > 1 else ""
    return f"{verb} {some} {record.symbol}{part}"


def _for(record: DecisionRecord) -> str:
    """What spoke for an entry."""
    if record.edge_bps == 0:  # of a strategy that states none
        return f": {_lower(str(record.reasons[0]))}" if record.reasons else ""
    return f": an edge of {record.edge_bps:.1f} bp against costs of {record.cost_bps:.1f} bp"


def _why_held(record: DecisionRecord) -> str:
    gate, added = first_no(record), next((r for r in record.reasons if r.code is Code.NOT_ADDED), None)
    if gate is None and added is not None:
        return f"its edge holds, and another part was not added ({_lower(str(added.causes[0]))})"
    if gate is not None:
        left = ", left to its exits" if gate.name == GateName.HOLD else ""
        return f"{told(record, gate)}{left}"
    hold = next((g for g in record.workings.gates if g.name == GateName.HOLD), None) if record.workings else None
    if hold is not None and hold.value is not None and hold.bar is not None:
        more = ", so it was extended" if any(reason.code is Code.EXTENDED for reason in record.reasons) else ""
        return f"its edge of {number(hold.value, 'bp')} is above the hold bar of {number(hold.bar, 'bp')}{more}"
    return _lower(str(record.reasons[0])) if record.reasons else "nothing spoke against it"


def _side(side: Side | None) -> str:
    return "short" if side is Side.SELL else "long"


def _of_position(side: Side | None) -> Side | None:
    """Of the position that an order on `side` closes."""
    return None if side is None else side.opposite


def _lower(text: str) -> str:
    """As it stands in the middle of a sentence; what begins with a name in capitals stays."""
    return text if text[:2].isupper() else text[:1].lower() + text[1:]
