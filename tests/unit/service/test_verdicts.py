"""Verdicts of strategies without a model: from this account's ledger and that of the same market on paper."""

from decimal import Decimal
from pathlib import Path

import pytest

from trader.adapters.ledger import open_journal
from trader.app.strategies import strategies_of
from trader.config.schema import Settings
from trader.domain.closing import CloseReason
from trader.domain.decisions import ClosedTrade, RecordTrade
from trader.domain.events import Ticked
from trader.domain.orders import Side
from trader.domain.reasons import texts
from trader.service.verdicts import judged, rules

NOW_MS = 1_700_000_000_000


def settings(tmp_path: Path, mode: str) -> Settings:
    return Settings.model_validate(
        {
            "mode": mode,
            "exchange": {"id": "binance"},
            "model": {"gate": "enforce"},
            "storage": {"state_dir": str(tmp_path)},
        }
    )


async def traded(account: Settings, *strategy_ids: str) -> None:
    """The ledger of `account` holds one closed trade of each."""
    journal = open_journal(account)
    for number, strategy_id in enumerate(strategy_ids):
        one = Decimal(1)
        trade = ClosedTrade(
            "BTC/USDT", Side.BUY, NOW_MS, NOW_MS, one, one, one, one, Decimal(0), CloseReason.HORIZON, strategy_id
        )
        await journal.write([(Ticked(ts_ms=NOW_MS, seq=number + 1), [RecordTrade(trade)])], durable=True)
    await journal.close()


async def test_real_money_is_judged_by_the_paper_record_too(tmp_path: Path) -> None:
    live, paper = settings(tmp_path, "live"), settings(tmp_path, "paper")
    await traded(paper, "ema-cross", "ema-cross", "ensemble")
    await traded(live, "ema-cross")
    assert [(found.strategy_id, found.trades) for found in judged(live, ["ema-cross"], NOW_MS)] == [("ema-cross", 3)]
    assert [found.trades for found in judged(paper, ["ema-cross"], NOW_MS)] == [2]  # and paper by its own alone


def test_without_a_ledger_there_is_no_record(tmp_path: Path) -> None:
    [found] = judged(settings(tmp_path, "live"), ["ema-cross"], NOW_MS)
    assert texts(found.reasons) == ("no closed trade on record",)
    assert found.judged_ms == NOW_MS


async def test_a_ledger_that_cannot_be_read_is_no_evidence(tmp_path: Path) -> None:
    paper = settings(tmp_path, "paper")
    paper.account_dir.mkdir(parents=True)
    (paper.account_dir / "ledger.sqlite").write_text("not a ledger")
    await traded(settings(tmp_path, "live"), "ema-cross")
    assert [found.trades for found in judged(settings(tmp_path, "live"), ["ema-cross"], NOW_MS)] == [1]


@pytest.mark.parametrize(("strategy", "found"), [("ema-cross", ["ema-cross"]), ("ensemble", [])])
def test_strategies_that_go_by_a_model_have_its_verdict(tmp_path: Path, strategy: str, found: list[str]) -> None:
    chosen = settings(tmp_path, "paper").model_copy(
        update={"strategy": Settings.model_validate({"strategy": {"name": strategy}}).strategy}
    )
    assert rules(strategies_of(chosen)) == found
