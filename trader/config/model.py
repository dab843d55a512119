"""The block `model`: training, the gate, retraining, drift."""

from typing import Annotated, Literal

from pydantic import Field

from trader.config.section import Fraction, Section


class ModelSettings(Section):
    profile: Literal["quick", "fast", "exact"] = "quick"
    """How much training: `quick` (seconds, demos), `fast` (minutes, retraining), `exact` (the full parameters)."""
    horizon_candles: Annotated[int, Field(ge=1, le=500)] = 16
    """How far ahead the label looks, candles."""
    training_candles: Annotated[int, Field(ge=1_000, le=500_000)] = 4_000
    """Candles per symbol a training uses."""
    gate: Literal["enforce", "warn"] = "warn"
    """`enforce`: a model trades only with evidence that it earns after costs. `warn` only in paper or with a
    loopback endpoint."""
    feature_groups: tuple[Literal["leader", "funding", "books", "peers"], ...] = ("leader", "funding", "peers")
    """What a model sees beyond a symbol's own candles: the first symbol (`leader`), its rank among all (`peers`),
    the perpetual's `funding`, recorded `books`. What the market does not have is left out (one symbol has no
    leader, two have no ranks, spot has no funding)."""
    random_state: int = 42
    """Seed of every learner."""
    retrain_hours: Annotated[float, Field(ge=0, le=87_600)] = 24.0
    """A new model is trained in the background when the newest one has not seen this long, market hours; 0 = never."""
    retrain_on_drift: bool = True
    """Also train when the market has moved away from what the model was trained on."""
    retrain_gap_hours: Annotated[float, Field(ge=0, le=87_600)] = 6.0
    """Shortest time between trainings for drift, market hours."""
    retrain_memory_mb: Annotated[int, Field(ge=512, le=1_048_576)] = 4_096
    """Most memory a background training may use, MB."""
    shadow_forecasts: Annotated[int, Field(ge=1, le=1_000_000)] = 300
    """Forecasts a new model makes beside the old one before it may replace it."""
    shadow_blocks: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Independent stretches of time (days, or four horizons) these must be spread over."""
    shadow_hours: Annotated[float, Field(gt=0, le=87_600)] = 720.0
    """A new model that has not proven itself by then is dismissed, market hours."""
    drift_shrink_share: Fraction = 0.2
    """Share of features beyond their usual range from which new positions have half size."""
    drift_retrain_share: Fraction = 0.3
    """Share of features beyond their usual range from which a new model is trained."""
    drift_shrink_t: Annotated[float, Field(ge=-100, le=0)] = -2.0
    """t of wins minus promised wins at which new positions have half size."""
    drift_observe_t: Annotated[float, Field(ge=-100, le=0)] = -3.0
    """t of wins minus promised wins at which the model before comes back, or nothing new is opened."""
    keep_models: Annotated[int, Field(ge=2, le=10_000)] = 20
    """Newest models whose files are kept; champions that can come back and the challenger always are."""
