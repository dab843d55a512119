"""A ccxt.pro program that knows nothing of us trades both markets with every unified method it would use of Binance."""

import ast
import asyncio
import sys
from pathlib import Path

import pytest

from tests.kit.sandbox import sandbox, truth

PROGRAM = Path(__file__).parents[1] / "programs" / "plain_ccxt.py"
PUBLIC = {
    "load_markets", "fetch_time", "fetch_status", "fetch_currencies", "fetch_trading_fee", "fetch_trading_fees",
    "fetch_ohlcv", "fetch_order_book", "fetch_ticker", "fetch_tickers", "fetch_bids_asks", "fetch_last_prices",
    "fetch_trades", "watch_ohlcv", "watch_order_book", "watch_trades", "watch_ticker", "watch_tickers",
    "watch_bids_asks", "watch_ohlcv_for_symbols", "watch_order_book_for_symbols", "watch_trades_for_symbols",
}  # fmt: skip
ACCOUNT = {
    "fetch_balance", "create_order", "create_market_buy_order_with_cost", "edit_order", "cancel_order",
    "cancel_all_orders", "fetch_order", "fetch_open_orders", "fetch_closed_orders", "fetch_canceled_orders",
    "fetch_orders", "fetch_my_trades", "watch_orders", "watch_my_trades", "watch_balance", "create_order_ws",
    "edit_order_ws", "cancel_order_ws", "fetch_order_ws",
}  # fmt: skip
PERPETUAL = {
    "fetch_funding_rate", "fetch_funding_rates", "fetch_funding_rate_history", "fetch_funding_intervals",
    "fetch_mark_price", "fetch_mark_prices", "fetch_open_interest", "watch_mark_price", "watch_mark_prices",
    "fetch_positions", "fetch_positions_risk", "watch_positions", "set_leverage", "fetch_leverage", "fetch_leverages",
    "fetch_leverage_tiers", "set_margin_mode", "fetch_margin_mode", "set_position_mode", "fetch_position_mode",
    "fetch_funding_history", "fetch_ledger",
}  # fmt: skip
WAYS = {
    "newClientOrderId", "origClientOrderId", "timeInForce", "postOnly", "stopLossPrice", "takeProfitPrice",
    "trailingPercent", "reduceOnly", "trigger",
}  # fmt: skip


def test_it_calls_every_method_and_imports_nothing_of_ours() -> None:
    nodes = list(ast.walk(ast.parse(PROGRAM.read_text())))
    called = {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "exchange"
    }
    assert called >= PUBLIC | ACCOUNT | PERPETUAL
    assert {node.value for node in nodes if isinstance(node, ast.Constant)} >= WAYS
    modules = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    assert not {name for name in modules if name.split(".")[0] in ("trader", "tests")}


@pytest.mark.real_time
async def test_it_trades_spot_and_perpetual(tmp_path: Path) -> None:
    async with sandbox(tmp_path, symbols=("BTC/USDT",), market="both", history_candles=1_600) as running:
        process = await asyncio.create_subprocess_exec(
            sys.executable, PROGRAM, tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), 500)
        finally:
            if process.returncode is None:
                process.kill()
        assert (process.returncode, out.decode()) == (0, "done\n"), err.decode()
        state = await truth(running)
        for kept in (state, state["usdm"]):
            assert {order["status"] for order in kept["orders"]} >= {"FILLED", "CANCELED", "EXPIRED"}
            assert kept["fills"]
        assert not [order for order in state["orders"] if order["status"] == "NEW"]
