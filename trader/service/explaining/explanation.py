"""A decision, explained: the verdict in one sentence, then what was known, asked, sized and done."""

from typing import Any

import msgspec

from trader.domain.signals import CONTEXT_COLUMNS, DecisionRecord
from trader.ports import LedgerReader
from trader.service.control.reports import DecisionReportRow, decision_report
from trader.service.explaining.after import happened
from trader.service.explaining.finding import close_ms, find
from trader.service.explaining.gates import asked
from trader.service.explaining.known import known, votes
from trader.service.explaining.lines import Section
from trader.service.explaining.size import carried, sized
from trader.service.explaining.verdict import first_no, sentence

_KEPT_NONE = "Written by a version that kept no workings: only its reasons are known."


class Explanation(msgspec.Struct, frozen=True):
    """What `trader why` tells. `workings`: every number as it was kept, by name; None in rows of versions before."""

    verdict: str  # one sentence
    decided_by: str  # the gate that decided; empty where nothing said no, or no gates were kept
    note: str
    sections: tuple[Section, ...]
    decision: DecisionReportRow
    workings: Any


def explain(ledger: LedgerReader, symbol: str, time: str | None, candle_ms: int) -> Explanation:
    """The decision on `symbol` that stood at `time`, or the newest; see `finding.find` for what is refused.

    `candle_ms`: the length of a candle, for rows that do not say when theirs closed.
    """
    record = find(ledger, symbol, time, candle_ms)
    closed_ms = close_ms(record, candle_ms)
    after = ledger.aftermath(record, record.ts_ms + (closed_ms - record.candle_open_ms))
    decided = first_no(record)
    sections = (asked(record), known(record), votes(record), sized(record), carried(record), happened(record, after))
    return Explanation(
        verdict=sentence(record, after, closed_ms),
        decided_by="" if decided is None else decided.name,
        note=_KEPT_NONE if record.workings is None else "",
        sections=tuple(section for section in sections if section.lines),
        decision=decision_report(record),
        workings=_workings(record),
    )


def plain(explained: Explanation) -> dict[str, Any]:
    """For JSON: what is not finite is None."""
    told: dict[str, Any] = _finite(msgspec.to_builtins(explained, enc_hook=str))
    return told


def _workings(record: DecisionRecord) -> Any:
    """By name: they are kept as arrays."""
    if record.workings is None:
        return None
    told = _named(record.workings)
    told["inputs"]["context"] = dict(zip(CONTEXT_COLUMNS, record.workings.inputs.context, strict=False))
    return told


def _named(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return {name: _named(getattr(value, name)) for name in value.__struct_fields__}
    return [_named(item) for item in value] if isinstance(value, tuple) else value


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if isinstance(value, float) and not float("-inf") < value < float("inf"):
        return None
    return value
