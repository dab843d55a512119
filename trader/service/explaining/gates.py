"""What was asked on the way, in order: each gate with its number against its bar, the one that said no marked."""

from trader.domain.signals import DecisionRecord, Verdict
from trader.domain.workings import Gate, GateName
from trader.service.explaining.lines import Line, Mark, Section
from trader.service.explaining.verdict import first_no, reason_of
from trader.service.explaining.wording import numbers_of, words_of


def asked(record: DecisionRecord) -> Section:
    """The gates of a decision; for a row of a version that kept none, its reasons."""
    if record.workings is None:
        lines = [Line("reason", str(reason)) for reason in record.reasons]
        return Section("Reasons", tuple(lines))
    decided = first_no(record)
    return Section("What was asked, in order", tuple(_line(record, gate, decided) for gate in record.workings.gates))


def _line(record: DecisionRecord, gate: Gate, decided: Gate | None) -> Line:
    words, numbers = words_of(gate), numbers_of(gate)
    if gate.passed:
        return Line(words.label, numbers or words.clear, Mark.PASSED, is_brief=not numbers)
    if not gate.says_no:
        return Line(words.label, numbers, Mark.OPEN)
    reason = reason_of(record, gate)
    text = numbers if gate.value is not None else str(reason or "")
    return Line(words.label, text or str(reason or ""), _mark(record, gate, decided))


def _mark(record: DecisionRecord, gate: Gate, decided: Gate | None) -> Mark:
    """An edge that is gone leaves a position to its exits: that decides nothing."""
    is_kept = record.verdict is Verdict.HOLD and gate.name == GateName.HOLD
    return Mark.NO if gate is decided and not is_kept else Mark.ALSO_NO
