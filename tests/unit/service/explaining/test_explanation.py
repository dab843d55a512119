"""One decision in plain words: the sentence names what was decided and by what, the sections how it came about."""

import re
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from tests.kit.builders import a_context, a_model
from tests.kit.situations import MINUTE_MS, PEAK, SYMBOL, Scene, a_scene, stream
from tests.unit.service.explaining.told import explained, ledger_of, lines_of
from trader.domain.events import CommandName, StreamState
from trader.service.explaining.explanation import explain, plain
from trader.strategy import Enter, Pass, Proposal, Side, Strategy, View, gate, said

ASKED, SIZE, AFTER = "What was asked, in order", "The size", "What happened after"
AT = "at 2023-11-14 22:13:20 UTC"
LATER = "at 2023-11-14 22:14:20 UTC"


def decided(*steps: Callable[[Scene], object], **given: object) -> Scene:
    scene = a_scene(**given)  # type: ignore[arg-type]  # the keywords of a scene
    for step in steps:
        step(scene)
    return scene


def entered(scene: Scene) -> None:
    scene.enter()
    scene.wait(MINUTE_MS)


def stale(scene: Scene) -> None:
    scene.hear(stream(SYMBOL, StreamState.STALE, "silence"))


def stopped_out(scene: Scene) -> None:
    scene.enter()
    scene.price(90.0)
    scene.live_on(5_000)
    scene.price(100.0)
    scene.wait(MINUTE_MS - 5_000)


def banned(scene: Scene) -> None:
    """What is held is on its way out, and the exchange says nothing."""
    scene.override(stance="ban")
    scene.ignore()


SENTENCES: dict[str, tuple[Callable[[], Scene], str]] = {
    "bought": (
        partial(decided, lambda s: s.enter()),
        "Bought 24.91651 BTC/USDT {at}: {for_it}.",
    ),
    "ordered": (
        partial(decided, lambda s: s.forecast()),
        "Ordered 24.91651 BTC/USDT {at}: {for_it}.",
    ),
    "a part": (
        partial(decided, lambda s: s.enter(), settings={"sizing": {"tranches": 4}}),
        "Bought 6.22912 BTC/USDT (part 1 of 4) {at}: {for_it}.",
    ),
    "no edge": (
        partial(decided, lambda s: s.forecast(0.001)),
        "Did not buy BTC/USDT {at}: the edge of 10.0 bp is below the bar of 22.0 bp.",
    ),
    "not confirmed": (
        partial(decided, lambda s: s.forecast(context=a_context())),
        "Did not buy BTC/USDT {at}: no confirmation (bollinger_extreme, rsi_extreme).",
    ),
    "model without edge": (
        partial(decided, lambda s: s.forecast(), model=a_model(no_edge=True)),
        "Did not buy BTC/USDT {at}: model has no edge over the base rate.",
    ),
    "a short on spot": (
        partial(decided, lambda s: s.forecast(-0.02)),
        "Did not sell short BTC/USDT {at}: spot cannot short.",
    ),
    "paused": (
        partial(decided, lambda s: s.command(CommandName.PAUSE), lambda s: s.forecast()),
        "Did not buy BTC/USDT {at}: trading is reducing: paused by command.",
    ),
    "stale": (
        partial(decided, stale, lambda s: s.forecast()),
        "Did not buy BTC/USDT {at}: market data stale: silence.",
    ),
    "late": (
        partial(decided, lambda s: s.forecast(age_ms=180_000)),
        "Did not buy BTC/USDT at 2023-11-14 22:10:20 UTC: the forecast was 180 s old, at most 60 s.",
    ),
    "override": (
        partial(decided, lambda s: s.override(stance="reduce-only"), lambda s: s.forecast()),
        "Did not buy BTC/USDT {at}: override: reduce-only by test.",
    ),
    "locked": (
        partial(decided, stopped_out, lambda s: s.forecast()),
        "Did not buy BTC/USDT {later}: stopped out: locked for 3 more candles.",
    ),
    "refused by the review": (
        partial(decided, lambda s: s.forecast(), settings={"risk": {"max_order_notional_frac": 0.1}}),
        "Wanted to buy 24.91651 BTC/USDT {at}, and the review refused it: "
        "order 2499.38 above the limit of 1000.00 USDT.",
    ),
    "abstained": (
        partial(decided, lambda s: s.forecast(missing=("leader",))),
        "Did nothing in BTC/USDT {at}: no forecast: leader missing.",
    ),
    "unusable": (
        partial(decided, lambda s: s.forecast(win=1.5)),
        "Did nothing in BTC/USDT {at}: forecast cannot be used: win probability 1.5 is not within 0..1.",
    ),
    "too small": (
        partial(decided, lambda s: s.forecast(), quote="20"),
        "Did not buy BTC/USDT {at}: notional 4.99 below minimum 5 USDT (position_notional).",
    ),
    "held": (
        partial(decided, entered, lambda s: s.forecast(0.0005)),
        "Kept the long in BTC/USDT {later}: its edge of 5.0 bp is above the hold bar of 0.0 bp.",
    ),
    "edge gone": (
        partial(decided, entered, lambda s: s.forecast(-0.0005)),
        "Kept the long in BTC/USDT {later}: its edge is gone, -5.0 bp where the hold bar is 0.0 bp, left to its exits.",
    ),
    "not judged": (
        partial(decided, entered, banned, lambda s: s.forecast()),
        "Kept the long in BTC/USDT {later}: exit under way.",
    ),
    "held without a forecast": (
        partial(decided, entered, lambda s: s.forecast(missing=("leader",))),
        "Kept the long in BTC/USDT {later}: no forecast: leader missing.",
    ),
    "turned": (
        partial(decided, entered, lambda s: s.forecast(-0.02, context=PEAK)),
        "Left the long in BTC/USDT {later}: an edge of 200.0 bp spoke against it, and it turns at 22.0 bp.",
    ),
    "horizon": (
        partial(decided, entered, lambda s: s.forecast(-0.0005), model=a_model(horizon_candles=1)),
        "Left the long in BTC/USDT {later}: its horizon has ended.",
    ),
}


@pytest.mark.parametrize("situation", SENTENCES)
def test_the_first_line_says_what_was_decided_and_by_what(situation: str, tmp_path: Path) -> None:
    scene, wanted = SENTENCES[situation]
    for_it = "an edge of 200.0 bp against costs of 22.0 bp"
    assert explained(scene(), tmp_path).verdict == wanted.format(at=AT, later=LATER, for_it=for_it)


def test_the_gate_that_said_no_is_marked_and_those_after_it_are_told_too(tmp_path: Path) -> None:
    told = explained(decided(lambda s: s.forecast(0.001, context=a_context())), tmp_path)
    marked = [(mark, label) for mark, label, _ in lines_of(told, ASKED) if mark not in ("passed", "open")]
    assert marked == [("no", "edge"), ("also no", "confirmations")]
    assert ("open", "RSI extreme", "50 (below 30)") in lines_of(told, ASKED)
    assert told.decided_by == "edge"


def test_each_gate_has_its_number_and_its_bar(tmp_path: Path) -> None:
    told = lines_of(explained(decided(lambda s: s.forecast()), tmp_path), ASKED)
    for line in (
        ("passed", "edge", "200.0 bp (at least 22.0 bp)"),
        ("passed", "RSI extreme", "29 (below 30)"),
        ("passed", "confirmations", "2 hold (1 needed)"),
        ("passed", "spread", "2.0 bp (at most 30.0 bp)"),
        ("passed", "stop away", "1.00% (at most 25.00%)"),
        ("passed", "lock", "not locked"),
    ):
        assert line in told


def test_a_position_that_is_left_to_its_exits_was_not_decided_against(tmp_path: Path) -> None:
    told = explained(decided(entered, lambda s: s.forecast(-0.0005)), tmp_path)
    assert [mark for mark, _, _ in lines_of(told, ASKED)] == ["passed", "passed", "also no"]


def test_a_part_that_was_not_added_is_told_beside_why_the_position_stays(tmp_path: Path) -> None:
    scene = decided(
        entered,
        lambda s: s.command(CommandName.PAUSE),
        lambda s: s.forecast(),
        settings={"sizing": {"tranches": 4}},
    )
    assert explained(scene, tmp_path).verdict == (
        f"Kept the long in BTC/USDT {LATER}: its edge holds, and another part was not added "
        "(trading is reducing: paused by command)."
    )


def test_the_size_goes_from_the_bet_over_the_caps_to_the_quantity(tmp_path: Path) -> None:
    told = lines_of(explained(decided(lambda s: s.forecast()), tmp_path), SIZE)
    labels = [label for _, label, _ in told]
    assert labels == [
        "equity",
        "Kelly",
        "x volatility",
        "= wanted",
        "position notional",
        "other caps leave",
        "= bought",
    ]
    assert {label: text for _, label, text in told}["position notional"] == (
        "at most 2,499.38 (limit 2,500.00): cut to it"
    )
    assert told[-1][2].startswith("24.91651, worth 2,499.")


def test_what_came_of_an_entry_is_told_to_its_end(tmp_path: Path) -> None:
    scene = decided(entered)
    open_ = [label for _, label, _ in lines_of(explained(scene, tmp_path), AFTER)]
    assert open_ == ["22:13:20", "22:13:20", "cost", "still open"]
    scene.price(90.0)
    scene.live_on(5_000)
    (tmp_path / "later").mkdir()
    _, label, text = lines_of(explained(scene, tmp_path / "later"), AFTER)[-1]
    assert label == "closed"
    assert text.startswith("long from 100.01 to ")
    assert ", stop: -" in text


def test_the_parts_of_what_it_cost_add_up(tmp_path: Path) -> None:
    told = {label: text for _, label, text in lines_of(explained(decided(entered), tmp_path), AFTER)}
    said = re.fullmatch(
        r"(.+) bp \(.+\) in all by market: delay (.+) bp, slippage (.+) bp, fees (.+) bp \(.+\); "
        r"a market order's slippage would have been (.+) bp",
        told["cost"],
    )
    assert said is not None, told["cost"]
    in_all, delay, slippage, fees, market = map(float, said.groups())
    assert in_all == pytest.approx(delay + slippage + fees, abs=0.2)  # each is rounded
    assert fees == 10.0
    assert market == slippage  # it was one


def test_what_came_of_an_exit_is_told(tmp_path: Path) -> None:
    scene = decided(entered, lambda s: s.forecast(-0.02, context=PEAK), lambda s: s.live_on(3_000))
    told = lines_of(explained(scene, tmp_path), AFTER)
    assert [text.split(":")[0] for _, _, text in told[:1]] == ["exit"]
    assert told[-1][1] == "closed"
    assert "signal turned" in told[-1][2]


def test_nothing_came_of_what_was_not_taken(tmp_path: Path) -> None:
    assert lines_of(explained(decided(lambda s: s.forecast(0.001)), tmp_path), AFTER) == []


def test_a_program_gets_every_number_by_name(tmp_path: Path) -> None:
    told = plain(explained(decided(lambda s: s.forecast()), tmp_path))
    assert told["decision"]["verdict"] == "enter"
    assert told["workings"]["inputs"]["context"]["rsi_14"] == 29.0
    assert told["workings"]["inputs"]["context"]["squeeze_age"] is None  # never: JSON knows no infinity
    [edge] = [gate for gate in told["workings"]["gates"] if gate["name"] == "edge"]
    assert edge["value"] == 0.02
    assert told["workings"]["size"]["factors"]["rule"] == "kelly"
    assert told["workings"]["carriage"]["algorithm"] == "market"


# --- a rule of one's own ----------------------------------------------------------------------------------


class Rule(Strategy):
    def __init__(self, proposal: Proposal) -> None:
        super().__init__(None)
        self.proposal = proposal

    def propose(self, view: View) -> Proposal:
        return self.proposal


def test_a_rule_is_told_in_its_own_words(tmp_path: Path) -> None:
    no = Pass(reasons=(said("RSI 45.0 is not low"),), gates=(gate("my RSI", False, 45.0, 30.0),))
    told = explained(decided(lambda s: s.forecast(), strategy=Rule(no), has_model=False), tmp_path)
    assert told.verdict == f"Did not buy BTC/USDT {AT}: RSI 45.0 is not low."
    assert ("open", "my RSI", "45 (below 30)") in lines_of(told, ASKED)


def test_an_entry_of_a_rule_is_told_by_its_reason(tmp_path: Path) -> None:
    yes = Enter(side=Side.BUY, reasons=(said("crossed"),), stop_frac=0.02, risk_frac=0.001)
    told = explained(decided(lambda s: s.enter(), strategy=Rule(yes), has_model=False), tmp_path)
    assert told.verdict.endswith(f"{AT}: crossed.")
    assert ("", "bet", "0.10% of equity, as the strategy says") in lines_of(told, SIZE)


def test_the_same_decision_is_told_the_same_while_the_ledger_grows(tmp_path: Path) -> None:
    scene = decided(lambda s: s.forecast(0.001))
    first = explained(scene, tmp_path).verdict
    scene.wait(MINUTE_MS)
    scene.forecast(0.02)
    (tmp_path / "later").mkdir()
    with ledger_of(scene, tmp_path / "later") as ledger:
        assert explain(ledger, SYMBOL, "-1m", MINUTE_MS).verdict == first
        [row] = ledger.decisions(limit=1)
        assert row.quantity is not None
        assert row.quantity > Decimal(0)
