"""What predictions would have earned: no peeking, one trade at a time, costs paid, and a card that says it."""

from html.parser import HTMLParser
from typing import Any

import msgspec
import numpy as np
import pytest

from trader.models.gate import GateRules
from trader.training.dataset import Dataset
from trader.training.ensemble import OutOfFold
from trader.training.evaluate import Rules, judged, outcomes, path

HOUR = 3_600_000
COST = 0.002


def table(n: int, skill: float, *, symbols: int = 2, seed: int = 0) -> tuple[Dataset, Any]:
    """Hourly rows with 4-hour labels, and a prediction whose correlation with the return is about `skill`."""
    rng = np.random.default_rng(seed)
    hours = np.repeat(np.arange(n // symbols), symbols)
    noise = rng.normal(size=(n // symbols + 4, symbols)) * 0.01
    forward = np.stack([noise[i : i + n // symbols] for i in range(4)]).sum(axis=0).ravel()
    prediction = skill * forward / 0.02 + np.sqrt(1 - skill**2) * rng.normal(size=n)
    made = Dataset(
        X=rng.normal(size=(n, 3)),
        y=forward / 0.02,
        start_ms=hours * HOUR,
        end_ms=(hours + 4) * HOUR,
        symbol=np.tile(np.arange(symbols), n // symbols),
        scale=np.full(n, 0.02),
        forward=forward,
        past=rng.normal(size=n),
        long_net=forward - COST,
        short_net=-forward - COST,
        cost=np.full(n, COST),
        regime=hours % 3,
        annual_vol=np.full(n, 0.5),
        weight=np.ones(n),
        symbols=tuple(f"S{i}" for i in range(symbols)),
        feature_names=("a", "b", "c"),
        feature_set_hash="test",
    )
    return made, prediction * skill * 0.02


def folds(n: int) -> Any:
    return np.arange(n) * 4 // n


def test_a_symbol_holds_one_trade_at_a_time() -> None:
    made, _ = table(400, 0.5)
    found = path(made, np.ones(400, np.int64))
    for symbol in (0, 1):
        rows = found.rows[made.symbol[found.rows] == symbol]
        assert (made.start_ms[rows][1:] >= made.end_ms[rows][:-1]).all()
        assert len(rows) == 50
    np.testing.assert_allclose(found.gross - found.trades.net, COST)


def test_a_short_trade_earns_the_short_outcome() -> None:
    made, _ = table(40, 0.5)
    found = path(made, -np.ones(40, np.int64))
    np.testing.assert_allclose(found.trades.net, made.short_net[found.rows])


def test_skill_is_traded_at_a_profit_and_noise_hardly_at_all() -> None:
    made, prediction = table(8_000, 0.4)
    skilled = judged(made, prediction, folds(8_000), Rules())
    assert skilled.slope.t > 5
    assert len(skilled.by_edge.rows) > 300
    assert skilled.by_edge.trades.net.mean() > 0.002
    noise = judged(made, np.random.default_rng(1).normal(0, 0.01, 8_000), folds(8_000), Rules())
    assert len(noise.by_edge.rows) < 100
    assert noise.by_rank.trades.net.mean() < 0.001


def test_spot_only_buys_and_perpetuals_do_both() -> None:
    made, prediction = table(4_000, 0.4)
    assert set(judged(made, prediction, folds(4_000), Rules()).by_edge.sign.tolist()) == {1}
    assert set(judged(made, prediction, folds(4_000), Rules(two_sided=True)).by_edge.sign.tolist()) == {1, -1}


def test_trades_of_a_fold_use_slopes_of_earlier_folds_only() -> None:
    made, prediction = table(4_000, 0.4)
    fold = folds(4_000)
    turned = msgspec.structs.replace(made, forward=np.where(fold >= 2, -5 * made.forward, made.forward))
    before, after = (judged(one, prediction, fold, Rules()).by_edge.rows for one in (made, turned))
    assert before[fold[before] <= 2].tolist() == after[fold[after] <= 2].tolist()
    assert (fold[before] == 0).sum() == 0
    assert (fold[before] == 3).sum() > 100
    assert (fold[after] == 3).sum() == 0


def test_a_trade_needs_its_cost_and_the_minimum() -> None:
    made, prediction = table(4_000, 0.4)
    few = judged(made, prediction, folds(4_000), Rules(minimum_edge_frac=0.01))
    assert len(few.by_edge.rows) < len(judged(made, prediction, folds(4_000), Rules()).by_edge.rows) / 2
    dear = msgspec.structs.replace(made, cost=np.full(4_000, 1.0))
    assert len(judged(dear, prediction, folds(4_000), Rules()).by_edge.rows) == 0


def test_more_comparisons_ask_for_more_evidence() -> None:
    made, prediction = table(8_000, 0.2)
    one = judged(made, prediction, folds(8_000), Rules()).gate
    many = judged(made, prediction, folds(8_000), Rules(gate=GateRules(configurations=1_000))).gate
    assert many.day_return_low is not None
    assert one.day_return_low is not None
    assert many.day_return_low < one.day_return_low


@pytest.fixture(scope="module")
def card() -> Any:
    """The card of a real, small ensemble on made-up rows."""
    from sklearn.linear_model import LinearRegression

    from trader.models.synthetic import synthetic_ensemble
    from trader.training.card import make_card
    from trader.training.ensemble import StackedEnsemble
    from trader.training.evaluate import evaluate, model_info

    made, prediction = table(4_000, 0.3)
    X = np.column_stack((prediction / 0.02, made.X))
    made = msgspec.structs.replace(made, X=X, feature_names=("<known>", "a", "b", "c"))
    members = {"one": LinearRegression(), "two": LinearRegression(positive=True)}
    ensemble = StackedEnsemble(members=members)
    ensemble.fit(made.X, made.y, label_start=made.start_ms, label_end=made.end_ms, wins=made.long_net > 0)
    rules = Rules()
    evaluation = evaluate(made, ensemble.out_of_fold_, ensemble.scores_, rules)
    base = synthetic_ensemble(4, ((1, 1),), (2,)).manifest
    scores = dict.fromkeys(("ic", "ic_error", "r2", "auc", "ece", "brier", "brier_base", "skill", "skill_t"), 0.1)
    info = model_info(evaluation, ensemble.scores_, model_id="<b>id</b>", timeframe="1h", horizon_candles=4)
    manifest = msgspec.structs.replace(base, info=info, scores=scores, importance={"<known>": 0.7, "a": 0.3})
    return make_card(manifest, ensemble, made, evaluation, rules), evaluation


def test_the_card_says_whether_it_pays(card: Any) -> None:
    made, evaluation = card
    assert f"{evaluation.gate.trades} trades" in made.summary
    assert "bp an active day" in made.summary
    assert "It observes (" in made.summary
    assert all(str(reason) in made.summary for reason in made.info.reasons)


def test_the_card_compares_with_simple_rules(card: Any) -> None:
    rivals = {rival.name: rival for rival in card[0].rivals}
    assert set(rivals) == {"model", "zero", "momentum", "reversal", "linear"}
    assert rivals["model"].ic > 0.1
    assert rivals["linear"].ic > 0.1
    assert rivals["zero"].trades == 0
    assert abs(rivals["momentum"].ic) < 0.06


def test_slices_cover_all_tested_rows(card: Any) -> None:
    made = card[0]
    for slices in (made.by_month, made.by_symbol, made.by_regime):
        assert sum(one.rows for one in slices) == made.tested_rows


def test_curves_end_at_the_sum_of_the_trades(card: Any) -> None:
    made, evaluation = card
    assert made.curves[0].net[-1] == pytest.approx(evaluation.trades.net.sum() / 2)
    assert made.curves[0].gross[-1] > made.curves[0].net[-1]


def test_the_card_survives_json(card: Any) -> None:
    from trader.models.card import Card

    assert msgspec.json.decode(msgspec.json.encode(card[0]), type=Card) == card[0]


def test_the_card_reads_in_a_terminal(card: Any) -> None:
    from trader.models.card_text import card_text

    text = card_text(card[0])
    assert max(len(line) for line in text.splitlines()) <= 120
    for words in ("realised on predicted", "momentum", "S0", "said", "<known>"):
        assert words in text


def test_models_are_compared_line_by_line(card: Any) -> None:
    from trader.models.card_text import comparison_text

    lines = comparison_text([card[0], card[0]]).splitlines()
    assert len(lines) == 3
    assert lines[1] == lines[2]
    assert len({len(line) for line in lines}) == 1


def test_the_page_is_whole_escaped_and_needs_no_network(card: Any) -> None:
    from trader.training.card_html import card_html

    page = card_html(card[0])
    parser = _Links()
    parser.feed(page)
    assert parser.sources == []
    assert "<b>id</b>" not in page.split("<div", 1)[0]
    assert "&lt;b&gt;id&lt;/b&gt;" in page
    assert page.count("plotly-graph-div") >= 6


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]


def test_out_of_fold_is_what_the_baselines_are_tested_on() -> None:
    from trader.training.baselines import straight_line

    made, _ = table(2_000, 0.3)
    rows = np.arange(500, 2_000)
    found = OutOfFold(rows, np.arange(1_500) // 500, np.zeros((1_500, 1)), np.zeros(1_500))
    changed = msgspec.structs.replace(made, y=np.where(np.arange(2_000) >= 1_000, -made.y, made.y))
    before, after = straight_line(made, found), straight_line(changed, found)
    assert before[:1_000].tolist() == after[:1_000].tolist()
    assert before[1_000:].tolist() != after[1_000:].tolist()


def test_outcomes_that_overlap_count_as_what_they_say_by_themselves() -> None:
    """Two won 1 and 3 %, two lost 1 %, each a quarter of an outcome."""
    told = outcomes(np.array([0.01, 0.03, -0.01, -0.01]), np.full(4, 0.25))
    assert msgspec.structs.astuple(told) == pytest.approx((1.0, 0.5, 0.02, 0.01, 0.01, 0.0))


def test_outcomes_of_one_kind_leave_the_least_of_the_other() -> None:
    assert outcomes(np.array([-0.01]), np.ones(1)).win_frac == pytest.approx(1e-6)
    assert outcomes(np.array([0.01]), np.ones(1)).loss_frac == pytest.approx(1e-6)
