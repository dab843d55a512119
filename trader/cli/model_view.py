"""The lines of `trader status` about drift, challenger and training."""

from rich.markup import escape

from trader.cli.output import moment, span
from trader.service.control.status import ModelStatus

_HEALTH = {
    "none": "",
    "shrink": "[yellow]half size[/yellow]",
    "observe": "[bold red]opens nothing[/bold red]",
}


def care_rows(model: ModelStatus, market_ms: int | None) -> list[tuple[str, str]]:
    """(name, words) for each line that has something to say."""
    rows = [("drift", _drift(model))]
    if model.challenger:
        note = f"  [dim]{escape(model.challenger_note)}[/dim]" if model.challenger_note else ""
        rows.append(("challenger", f"{escape(model.challenger)}{note}"))
    rows.append(("training", _training(model, market_ms)))
    return rows


def _drift(model: ModelStatus) -> str:
    health = _HEALTH.get(model.health, escape(model.health))
    words = [f"{health}: {escape(', '.join(model.health_reasons))}"] if health else []
    if model.watched_share < 0.95:
        words.append(f"features watched for {model.watched_share:.0%} of the stretch they are judged by")
    else:
        words.append(f"{model.drifted_share:.0%} of features out of their range")
    words.append(f"{model.outcomes:,} outcomes, won {model.calibration_gap:+.1%} against what was said")
    return " · ".join(words)


def _training(model: ModelStatus, market_ms: int | None) -> str:
    if model.training:
        return f"[cyan]{escape(model.training)}[/cyan]"
    trained = f"the model has learned up to {moment(model.trained_ms)}" if model.trained_ms else ""
    if model.next_training_ms is None:
        following = "next after the challenger's trial" if model.challenger else "no next one scheduled"
    elif market_ms is not None and model.next_training_ms <= market_ms:
        following = "next one due"
    else:
        left = f" (in {span(model.next_training_ms - market_ms)})" if market_ms is not None else ""
        following = f"next {moment(model.next_training_ms)}{left}"
    return " · ".join(part for part in (trained, following) if part)
