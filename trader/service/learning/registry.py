"""What `trader models` shows and changes: the registry in words, by hand."""

from typing import Any

import msgspec

from trader.adapters.model_evidence import ModelEvidence
from trader.adapters.model_files import ModelFiles, RegisteredModel
from trader.domain.errors import Misconfigured
from trader.domain.reasons import texts, told
from trader.domain.signals import ModelVerdict
from trader.domain.units import BPS
from trader.models.card import Card, read_card
from trader.models.shadow import ShadowPair


class ModelRow(msgspec.Struct, frozen=True, kw_only=True):
    """One registered model. Scores are out of fold."""

    model_id: str
    timeframe: str
    role: str  # champion, challenger or ""
    file: str  # "ok", or why it would not load
    created_ms: int
    first_open_ms: int
    last_open_ms: int
    rows: int
    symbols: int
    profile: str
    stack: str
    ic: float
    ic_error: float
    slope_t: float
    skill_t: float
    trades: int
    net_trade_bps: float
    no_edge: bool
    verdict: str
    reasons: tuple[str, ...]


def model_rows(files: ModelFiles) -> list[ModelRow]:
    """All registered models, newest first; every file is read and checked."""
    return [_row(files, entry) for entry in files.list()]


def history_rows(files: ModelFiles) -> list[dict[str, Any]]:
    """Every change of champion of every timeframe, newest first."""
    timeframes = {entry.timeframe for entry in files.list()}
    changes = [change for timeframe in timeframes for change in files.history(timeframe)]
    return [msgspec.to_builtins(change) for change in sorted(changes, key=lambda change: -change.at_ms)]


def card_of(files: ModelFiles, model_id: str) -> Card:
    """The card of a registered model. Raises `Misconfigured` if it has none that can be read."""
    known(files, model_id)
    path = files.card_path(model_id)
    try:
        return read_card(path.read_bytes())
    except FileNotFoundError:
        raise Misconfigured(f"model {model_id} came without a card; `trader models list` shows what is known") from None
    except msgspec.DecodeError as error:
        raise Misconfigured(f"{path} is not a card of this version ({error}); train again") from error


def known(files: ModelFiles, model_id: str) -> RegisteredModel:
    """The registered model of that id; a beginning that only one has will do. Raises `Misconfigured`."""
    entries = files.list()
    exact = [entry for entry in entries if entry.model_id == model_id]
    found = exact or [entry for entry in entries if entry.model_id.startswith(model_id)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(entry.model_id for entry in found or entries) or "none; make one with `trader train`"
    raise Misconfigured(f"model {model_id!r} is {'ambiguous' if found else 'not registered'}; registered: {names}")


def promote(files: ModelFiles, model_id: str, reason: str) -> str:
    """Make it the champion, if its file is sound. Returns what was done, in words."""
    entry = known(files, model_id)
    files.load(entry.model_id)
    before = files.champion_id(entry.timeframe)
    if before == entry.model_id:
        return f"{before} already is the champion of {entry.timeframe}"
    files.promote(entry.model_id, reason)
    return f"champion of {entry.timeframe} is now {entry.model_id} (was {before or 'none'}){_caution(entry)}"


def roll_back(files: ModelFiles, timeframe: str, reason: str) -> str:
    """Bring the champion before the present one back. Returns what was done, in words."""
    before = files.champion_id(timeframe)
    after = files.rollback(timeframe, reason)
    return f"champion of {timeframe} is {after} again (was {before}){_caution(known(files, after))}"


def shadow_lines(files: ModelFiles) -> list[str]:
    """How each challenger's trial stands, in words: errors of the same forecasts, side by side."""
    entries = files.list()
    champions = {entry.timeframe: entry.model_id for entry in entries if entry.is_champion}
    pairs = [(champions.get(entry.timeframe, ""), entry.model_id) for entry in entries if entry.is_challenger]
    evidence = ModelEvidence(files.root) if pairs else None
    return [_trial(evidence.pairs(*pair), *pair) for pair in pairs if evidence is not None]


def _trial(pairs: list[ShadowPair], champion: str, challenger: str) -> str:
    if not pairs:
        return f"{challenger} shadows {champion or 'nobody'}: no forecast has come to its end yet"
    own = sum(pair.champion_error for pair in pairs) / len(pairs)
    other = sum(pair.challenger_error for pair in pairs) / len(pairs)
    return (
        f"{challenger} shadows {champion}: {len(pairs)} forecasts, root mean squared error {other**0.5 * BPS:.1f} bp "
        f"against {own**0.5 * BPS:.1f} bp of the champion"
    )


def _caution(entry: RegisteredModel) -> str:
    if entry.info.verdict is ModelVerdict.TRADE:
        return ""
    return f"; it only observes ({told(entry.info.reasons, ', ')}): with model.gate enforce it opens nothing"


def _row(files: ModelFiles, entry: RegisteredModel) -> ModelRow:
    manifest, scores = entry.manifest, entry.manifest.scores
    return ModelRow(
        model_id=entry.model_id,
        timeframe=entry.timeframe,
        role="champion" if entry.is_champion else "challenger" if entry.is_challenger else "",
        file=_soundness(files, entry.model_id),
        created_ms=entry.created_ms,
        first_open_ms=manifest.window.first_open_ms,
        last_open_ms=manifest.window.last_open_ms,
        rows=manifest.window.rows,
        symbols=len(manifest.window.symbols),
        profile=manifest.profile,
        stack=manifest.stack,
        ic=scores.get("ic", 0.0),
        ic_error=scores.get("ic_error", 0.0),
        slope_t=entry.info.slope_t,
        skill_t=scores.get("skill_t", 0.0),
        trades=int(scores.get("trades", 0)),
        net_trade_bps=scores.get("mean_trade_bps", 0.0),
        no_edge=entry.info.no_edge,
        verdict=entry.info.verdict,
        reasons=texts(entry.info.reasons),
    )


def _soundness(files: ModelFiles, model_id: str) -> str:
    try:
        files.load(model_id)
    except Misconfigured as error:
        return str(error)
    return "ok"
