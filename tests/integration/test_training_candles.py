"""From candles to a registered model that the live side loads: the whole way, with real features and all libraries."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from trader.adapters.model_files import ModelFiles
from trader.config.exchange import ExchangeSettings
from trader.config.market import MarketSettings
from trader.config.model import ModelSettings
from trader.config.risk import RiskSettings
from trader.config.schema import Settings
from trader.config.strategy import RegimeRule, StrategySettings
from trader.config.symbols import SymbolSettings
from trader.domain.candle_arrays import CandleArrays
from trader.domain.errors import Misconfigured
from trader.domain.observation import Observation
from trader.domain.reasons import Code, because
from trader.models.card import Card
from trader.models.card_text import card_text
from trader.models.drift import DriftMonitor, DriftRules
from trader.training.dataset import Costs, build_dataset
from trader.training.fit import TrainedModel, train, train_and_register
from trader.training.progress import TrainingProgress

MINUTE = 60_000
SETTINGS = Settings(market=MarketSettings(timeframe="1m"), model=ModelSettings(profile="quick"))
RULES = StrategySettings().regimes
FREE = Costs(taker_fee_frac=0.0, spread_frac=0.0)


def candles(n: int, seed: int, drift: float) -> CandleArrays:
    """A random walk with clustered volatility; `drift` is how much of a slow hidden tide moves each candle."""
    rng = np.random.default_rng(seed)
    tide = np.zeros(n)
    for i in range(1, n):
        tide[i] = 0.97 * tide[i - 1] + rng.normal()
    sigma = 0.001 * np.exp(0.3 * np.sin(np.arange(n) / 300))
    steps = sigma * (rng.normal(size=n) + drift * tide / tide.std())
    close = 100 * np.exp(np.cumsum(steps))
    opens = np.concatenate(([100.0], close[:-1]))
    high = np.maximum(opens, close) * np.exp(np.abs(rng.normal(0, 0.0004, n)))
    low = np.minimum(opens, close) * np.exp(-np.abs(rng.normal(0, 0.0004, n)))
    return CandleArrays(np.arange(n) * MINUTE, opens, high, low, close, rng.lognormal(3, 1, n))


def market(drift: float, n: int = 4_000) -> dict[str, CandleArrays]:
    return {f"{name}/USDT": candles(n, i, drift) for i, name in enumerate(("AAA", "BBB", "CCC"))}


@pytest.fixture(scope="module")
def told() -> list[TrainingProgress]:
    return []


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ModelFiles:
    return ModelFiles(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def informed(files: ModelFiles, told: list[TrainingProgress]) -> TrainedModel:
    made = market(0.6)
    return train_and_register(made, SETTINGS, files, told.append, costs=dict.fromkeys(made, FREE))


@pytest.fixture(scope="module")
def small() -> TrainedModel:
    return train(market(0.6, 2_200), SETTINGS)


def test_a_market_with_a_tide_is_learned(informed: TrainedModel) -> None:
    info = informed.manifest.info
    assert not info.no_edge
    assert info.slope_t > 2
    assert 0.3 < info.slope < 2.5
    assert 0 < info.base_rate < 1
    assert info.average_win_frac > 0
    assert info.average_loss_frac > 0


def test_the_live_side_is_told_each_regimes_record_and_each_symbols_shock(informed: TrainedModel) -> None:
    info, part = informed.manifest.info, informed.evaluation.part
    assert info.pooled is not None
    assert info.pooled.count == pytest.approx(part.weight.sum())
    assert sum(each.count for each in info.by_regime.values()) == pytest.approx(info.pooled.count)
    wins = sum(each.count * each.win_share for each in info.by_regime.values())
    assert 0 < wins < info.pooled.count
    table = informed.table
    of_first = table.annual_vol[table.symbol == 0]
    assert info.shocked_vol.keys() == set(table.symbols)
    assert info.shocked_vol[table.symbols[0]] == pytest.approx(np.quantile(of_first, 0.99))


def test_two_days_of_data_are_no_evidence_for_real_money(informed: TrainedModel) -> None:
    assert informed.manifest.info.verdict == "observe"
    assert any(reason.code is Code.ACTIVE_DAYS for reason in informed.manifest.info.reasons)


def test_the_live_side_loads_the_champion_and_agrees(informed: TrainedModel, files: ModelFiles) -> None:
    champion = files.load_champion("1m", feature_set_hash=informed.table.feature_set_hash)
    assert champion is not None
    assert champion.info == informed.manifest.info
    X, scale = informed.table.X[-500:], informed.table.scale[-500:]
    np.testing.assert_allclose(champion.predict(X), informed.ensemble.predict(X), rtol=0, atol=1e-6)
    np.testing.assert_allclose(champion.win_probability(X), informed.ensemble.win_probability(X), rtol=0, atol=1e-5)
    atr_frac = scale[-1] / np.sqrt(16) / np.sqrt(np.pi / 8)
    expected = informed.ensemble.predict(X[-1:])[0] * scale[-1]
    assert champion.predict_row(X[-1], atr_frac=atr_frac).prediction == pytest.approx(expected, abs=1e-6)


def test_the_market_it_was_trained_on_is_no_drift_and_another_one_is(informed: TrainedModel, files: ModelFiles) -> None:
    champion = files.load_champion("1m")
    assert champion is not None
    part, reference = informed.evaluation.part, champion.reference
    late = part.take(np.flatnonzero(part.start_ms > part.start_ms[-1] - reference.window_ms))
    found = informed.ensemble.out_of_fold_.prediction[-len(late.y) :]
    rules = DriftRules(fewest_rows=50)
    usual, other = (DriftMonitor(reference, champion.feature_names, rules) for _ in range(2))
    for i, (ms, row) in enumerate(zip(late.start_ms.tolist(), late.X, strict=True)):
        usual.saw(ms, row, float(found[i]))
        other.saw(ms, row * 3 + 1, float(found[i]) * 5)
    assert usual.report().action == "none"
    assert other.report().action == "retrain"


def test_progress_was_told(informed: TrainedModel, told: list[TrainingProgress]) -> None:
    fractions = [step.fraction for step in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert told[-1].message == informed.manifest.info.model_id
    assert any(step.seconds_left for step in told)


def test_the_importance_names_real_features(informed: TrainedModel) -> None:
    importance = informed.manifest.importance
    assert set(importance) == set(informed.manifest.feature_names)
    assert sum(importance.values()) == pytest.approx(1)


def test_a_random_walk_has_no_edge(tmp_path: Path) -> None:
    trained = train_and_register(market(0.0, 2_600), SETTINGS, ModelFiles(tmp_path))
    assert trained.manifest.info.no_edge
    assert because(Code.NO_EDGE) in trained.manifest.info.reasons
    assert trained.evaluation.trades.net.sum() <= 0


def test_rows_are_in_time_order_and_their_labels_end_after_the_horizon() -> None:
    table = build_dataset(market(0.1, 2_400), SETTINGS)
    assert (np.diff(table.start_ms) >= 0).all()
    assert (table.end_ms - table.start_ms == 16 * MINUTE).all()
    assert set(table.symbol.tolist()) == {0, 1, 2}
    assert np.isfinite(table.X).all()
    close = market(0.1, 2_400)["BBB/USDT"].close
    row = int(np.flatnonzero(table.symbol == 1)[0])
    candle = int(table.start_ms[row] // MINUTE) - 1
    assert table.forward[row] == pytest.approx(np.log(close[candle + 16] / close[candle]))


def test_costs_come_off_every_outcome() -> None:
    made = market(0.1, 2_200)
    free, paid = (build_dataset(made, SETTINGS, dict.fromkeys(made, costs)) for costs in (FREE, Costs()))
    np.testing.assert_allclose(free.long_net - paid.long_net, Costs().round_trip_frac)


def test_a_symbol_with_a_stop_of_its_own_has_labels_of_its_own() -> None:
    made = market(0.1, 2_400)
    near = {
        "risk": {"stop_atr": 0.1, "stop_sigma": 0.1},
        "strategy": {"regimes": {name: _tight(rule) for name, rule in RULES.items()}},
    }
    own = SETTINGS.model_copy(update={"symbols": {"BBB/USDT": SymbolSettings.model_validate(near)}})
    usual, changed = build_dataset(made, SETTINGS), build_dataset(made, own)
    assert set(usual.symbol[usual.long_net != changed.long_net].tolist()) == {1}


def test_rows_never_see_later_candles() -> None:
    """Changing every candle after one row changes no feature up to it."""
    made = market(0.1, 2_300)
    cut = 2_200
    changed = {symbol: _with_other_future(arrays, cut) for symbol, arrays in made.items()}
    before, after = build_dataset(made, SETTINGS), build_dataset(changed, SETTINGS)
    known = before.start_ms <= cut * MINUTE
    assert known.sum() > 100
    assert np.array_equal(before.X[known], after.X[known])


def test_barriers_of_the_labels_are_those_of_the_positions() -> None:
    """A nearer stop turns some outcomes into the smaller loss, by the same settings that guard live positions."""
    made = market(0.1, 2_400)
    near = SETTINGS.model_copy(
        update={
            "risk": RiskSettings(stop_atr=0.1, stop_sigma=0.1),
            "strategy": StrategySettings(regimes={name: _tight(rule) for name, rule in RULES.items()}),
        }
    )
    wide_net, near_net = (build_dataset(made, one).long_net for one in (SETTINGS, near))
    assert near_net.min() > wide_net.min()
    table = build_dataset(made, near)
    stopped = np.isclose(table.long_net, -0.0005 - Costs().round_trip_frac, atol=1e-4)
    assert stopped.mean() > 0.2


def test_a_perpetual_market_gives_a_model_of_both_directions() -> None:
    both = SETTINGS.model_copy(update={"exchange": ExchangeSettings(market="perpetual")})
    made = market(0.6, 2_200)
    known = [number * 8 * 60 * MINUTE for number in range(-20, 0)]
    rates = [Observation("funding", "", at, at, 1e-4) for at in known]
    trained = train(made, both, extras={"funding": dict.fromkeys(made, rates)})
    assert trained.ensemble.two_sided_
    assert trained.manifest.constants["two_sided"] == 1
    found, part = trained.ensemble.out_of_fold_, trained.evaluation.part
    won = np.where(found.prediction >= 0, part.long_net > 0, part.short_net > 0)
    assert trained.manifest.info.base_rate == pytest.approx(won.mean())


def test_too_little_history_says_how_much_is_needed() -> None:
    with pytest.raises(Misconfigured, match=r"more than 2016 1m candles of a symbol, the longest history has 2000"):
        build_dataset(market(0.1, 2_000), SETTINGS)


def test_a_gap_in_the_history_is_stepped_over() -> None:
    whole = candles(2_500, 0, 0.1)
    keep = np.delete(np.arange(2_500), np.arange(2_100, 2_110))
    table = build_dataset({"AAA/USDT": whole.take(keep)}, SETTINGS)
    assert np.isfinite(table.X).all()
    assert (table.end_ms - table.start_ms == 16 * MINUTE).all()


def test_training_is_the_same_in_another_process(small: TrainedModel) -> None:
    """Hash seeds and process state change nothing: the file is equal byte for byte."""
    code = (
        "import tests.integration.test_training_candles as t\n"
        "from trader.training.fit import train\n"
        "print(train(t.market(0.6, 2_200), t.SETTINGS).manifest.info.model_id)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == small.manifest.info.model_id


def test_an_interrupted_training_goes_on_where_it_was(small: TrainedModel, tmp_path: Path) -> None:
    made = market(0.6, 2_200)

    def stop(progress: TrainingProgress) -> None:
        if progress.stage == "fold 3/3: mlp":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(made, SETTINGS, progress=stop, checkpoint=tmp_path)
    assert len(list(tmp_path.iterdir())) == 18
    resumed = train(made, SETTINGS, checkpoint=tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert resumed.manifest.info.model_id == small.manifest.info.model_id


def test_the_card_goes_with_the_model(informed: TrainedModel, files: ModelFiles) -> None:
    stored = msgspec.json.decode(files.card_path(informed.manifest.info.model_id).read_bytes(), type=Card)
    assert stored == informed.card
    assert stored.info.model_id in card_text(stored)


def _tight(rule: RegimeRule) -> RegimeRule:
    return rule.model_copy(update={"stop_loss_frac": 0.0005})


def _with_other_future(arrays: CandleArrays, cut: int) -> CandleArrays:
    def after(column: Any) -> Any:
        changed = column.copy()
        changed[cut:] *= 1.5
        return changed

    opens, highs, lows, closes, volumes = (after(column) for column in arrays[1:])
    return CandleArrays(arrays.open_ms, opens, highs, lows, closes, volumes)
