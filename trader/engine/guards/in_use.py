"""Which model is in use, and what its drift does to new positions. Open positions stay as they are guarded."""

from trader.domain.decisions import Level
from trader.domain.reasons import Code, Reason, because, told
from trader.domain.signals import Forecast, HealthAction, ModelHealth, ModelInfo
from trader.engine.desk import Desk
from trader.engine.state.kept import ModelCame

SHRUNK = 0.5  # of the usual size: what is told everywhere as "half size"

_LEVELS = {HealthAction.NONE: Level.INFO, HealthAction.SHRINK: Level.WARNING, HealthAction.OBSERVE: Level.ALERT}
_WORDS = {
    HealthAction.NONE: "as in training again",
    HealthAction.SHRINK: "new positions at half size",
    HealthAction.OBSERVE: "nothing new is opened",
}


def on_model(desk: Desk, model: ModelInfo) -> None:
    """From now on forecasts come from `model`. What was held against another one counts no more."""
    desk.state.model.in_use = model
    came = desk.state.model.came
    if came is None or came.model_id != model.model_id:
        desk.state.model.came = came = ModelCame(model.model_id, desk.now_ms)
        desk.keep("model", "", came)
    health = desk.state.model.health
    if health is not None and health.model_id != model.model_id:
        desk.state.model.health = None
        desk.keep("health", "", None)


def on_health(desk: Desk, health: ModelHealth) -> None:
    """Remember it if it is about the model in use, and tell a person when it leads to something else."""
    state = desk.state
    if state.model.in_use is None or health.model_id != state.model.in_use.model_id:
        return
    before = action_of(desk)
    state.model.health = health
    desk.keep("health", "", health)
    if health.action is not before:
        why = f" ({told(health.reasons, ', ')})" if health.reasons else ""
        desk.notify(_LEVELS[health.action], "model.drifted", f"{_WORDS[health.action]}{why}", ref=health.model_id)


def action_of(desk: Desk) -> HealthAction:
    """What the drift of the model in use leads to."""
    model, health = desk.state.model.in_use, desk.state.model.health
    if model is None or health is None or health.model_id != model.model_id:
        return HealthAction.NONE
    return health.action


def size_share(desk: Desk) -> float:
    """Share of the usual size that new positions have."""
    return SHRUNK if action_of(desk) is HealthAction.SHRINK else 1.0


def size_reasons(desk: Desk) -> tuple[Reason, ...]:
    """Why new positions are smaller, for their decision rows."""
    if action_of(desk) is not HealthAction.SHRINK:
        return ()
    return (because(Code.HALF_SIZE, causes=reasons_of(desk)),)


def reasons_of(desk: Desk) -> tuple[Reason, ...]:
    """Why the model in use is not trusted as before."""
    health = desk.state.model.health
    return health.reasons if health is not None else ()


def is_of_another(forecast: Forecast, model: ModelInfo) -> bool:
    """Made before the model was changed: slope, base rate and horizon of this one say nothing about it."""
    return forecast.model_id != model.model_id
