"""What `trader status` says of the model in use, its challenger, its drift and the next training."""

from trader.domain.reasons import texts
from trader.domain.signals import HealthAction
from trader.engine.state import EngineState
from trader.models.shadow import ShadowResult
from trader.service.control.status import ModelStatus
from trader.service.learning.care import ModelCare
from trader.service.learning.retraining import Retraining


def model_status(state: EngineState, care: ModelCare, retraining: Retraining) -> ModelStatus | None:
    """None before the first model is in use. The engine's word counts for the model and its health."""
    model, health = state.model.in_use, state.model.health
    if model is None:
        return None
    drift = care.drift
    return ModelStatus(
        model_id=model.model_id,
        verdict=model.verdict,
        reasons=texts(model.reasons),
        trained_ms=care.model.manifest.window.last_open_ms,
        health=(health.action if health is not None else HealthAction.NONE).value,
        health_reasons=texts(health.reasons) if health is not None else (),
        watched_share=care.watched_share,
        drifted_share=drift.feature_share if drift is not None else 0.0,
        outcomes=drift.outcomes if drift is not None else 0,
        calibration_gap=drift.calibration_gap if drift is not None else 0.0,
        challenger=care.challenger.info.model_id if care.challenger is not None else "",
        challenger_note=_trial(care.shadow),
        training=retraining.progress,
        next_training_ms=retraining.next_ms,
    )


def _trial(shadow: ShadowResult | None) -> str:
    return "" if shadow is None else shadow.reason
