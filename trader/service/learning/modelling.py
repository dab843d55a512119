"""Everything about models beside the trading: the care for the one in use, and the training of the next."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from trader.adapters.model_evidence import ModelEvidence
from trader.config.schema import Settings
from trader.domain.events import AnyEvent
from trader.domain.instrument import Instrument
from trader.execution.costs import assumed_round_trip_frac
from trader.models import CompiledEnsemble
from trader.scoring.watch import Watch, WatchedModel
from trader.service.learning import supply
from trader.service.learning.care import ModelCare, Swappable
from trader.service.learning.retraining import Retraining
from trader.service.process.access import MarketAccess


class Modelling(NamedTuple):
    """Both run as tasks beside the engine."""

    care: ModelCare
    retraining: Retraining


def modelling(
    settings: Settings,
    access: MarketAccess,
    watched: WatchedModel,
    scorer: Swappable,
    instruments: Mapping[str, Instrument],
    put: Callable[[AnyEvent], None],
) -> Modelling:
    """Of `watched`, which `scorer` forecasts with, and of what follows it, in the market of `access`."""
    files = supply.model_files(settings, access)
    evidence = ModelEvidence(files.root)
    costs = {symbol: assumed_round_trip_frac(one.taker_fee_frac) for symbol, one in instruments.items()}

    def new_watch(one: CompiledEnsemble) -> Watch:
        return Watch(one, settings, costs)

    care = ModelCare(watched, scorer, new_watch, files, evidence, access.clock, put, settings.model)
    train = partial(supply.challenger, settings)
    return Modelling(care, Retraining(care, files, evidence, access.clock, settings.model, train))
