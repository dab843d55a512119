"""The ledger's tables. Money and quantity are exact decimal text; times are ms UTC; lists are JSON text.

`SCHEMA_VERSION` grows when an older program could misread the file. A new nullable column needs no new version:
`database.open_for_writing` adds it to older files. A file gets the present version with the first row that is written,
not when it is opened: until then the program that wrote it can go back to it.

Version 2: reasons are codes with numbers, in decisions and in kept state; version 1 had sentences.
Version 3: what entries have cost is kept, and rows of executions have the shortfall split (those of before do not).
"""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

SCHEMA_VERSION = 3
APPLICATION_ID = 0x54524452  # "TRDR" in the file's header: how a foreign database is told from ours

metadata = MetaData()


def _text(name: str, *, key: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=False)


def _optional_text(name: str) -> Column[str]:
    return Column(name, Text)


def _time(name: str, *, key: bool = False) -> Column[int]:
    return Column(name, Integer, primary_key=key, nullable=False)


def _real(name: str) -> Column[float]:
    return Column(name, Float)  # SQLite stores NaN as NULL


def _optional_real(name: str) -> Column[float]:
    return Column(name, Float, info={"optional": True})  # NULL is the field's default, not NaN


def _list(name: str) -> Column[str]:
    return Column(name, Text, info={"json": True})


meta = Table("meta", metadata, _text("name", key=True), _text("value"))
"""schema_version, ledger_id (made once, names this ledger in client ids and logs), last_seq."""

inputs = Table("inputs", metadata, _time("seq", key=True), _time("ts_ms"), _text("kind"), Column("body", LargeBinary))
"""The engine's durable events as msgpack, by number. Market data is recorded elsewhere."""

orders = Table(
    "orders",
    metadata,
    _text("client_id", key=True),
    _text("parent_id"),
    _text("decision_id"),
    _text("symbol"),
    _text("side"),
    _text("type"),
    _text("purpose"),
    _text("quantity"),
    _optional_text("price"),
    _optional_text("stop_price"),
    _text("time_in_force"),
    Column("post_only", Boolean, nullable=False),
    Column("reduce_only", Boolean, nullable=False),
    _real("reference_price"),
    _text("status"),
    _optional_text("exchange_id"),
    _text("reported_filled"),
    _text("filled"),
    _text("filled_quote"),
    _list("fees"),
    Column("cancel_requested", Boolean, nullable=False),
    _text("reason"),
    _optional_text("refusal"),
    _optional_text("replaces"),
    _optional_text("stands_in_for"),
    _time("created_ms"),
    _time("updated_ms"),
)
"""`reason` is `refusal` (JSON) in words: all that older versions wrote and read."""

fills = Table(
    "fills",
    metadata,
    _text("symbol", key=True),
    _text("fill_id", key=True),
    _text("client_id"),
    _text("exchange_order_id"),
    _text("side"),
    _text("quantity"),
    _text("price"),
    _text("fee"),
    _text("fee_currency"),
    Column("is_maker", Boolean, nullable=False),
    _time("ts_ms"),
    _optional_text("realised"),
    Column("is_forced", Boolean),
)

payments = Table(
    "payments",
    metadata,
    _text("payment_id", key=True),
    _text("kind"),
    _text("symbol"),
    _text("currency"),
    _text("amount"),
    _time("ts_ms"),
)
"""Money that moved without a fill: funding, and what a liquidation cost."""

positions = Table(
    "positions",
    metadata,
    _text("symbol", key=True),
    _text("quantity"),
    _text("entry_price"),
    _text("realised_quote"),
    _text("fees_quote"),
    _time("opened_ms"),
)

balances = Table("balances", metadata, _text("currency", key=True), _text("free"), _text("locked"))

decisions = Table(
    "decisions",
    metadata,
    _text("decision_id", key=True),
    _time("ts_ms"),
    _text("symbol"),
    _time("candle_open_ms"),
    _text("verdict"),
    _list("reasons"),
    _text("regime"),
    _real("prediction"),
    _real("win_probability"),
    _real("edge_bps"),
    _real("cost_bps"),
    _text("model_id"),
    _text("side"),
    _text("quantity"),
    _text("algorithm"),
    _text("parent_id"),
    _text("feature_hash"),
    _optional_text("strategy_id"),  # NULL: written before there were others than the ensemble
    Column("workings", LargeBinary),  # msgpack of `Workings`; NULL: written before they were kept
)

trades = Table(
    "trades",
    metadata,
    Column("number", Integer, primary_key=True),
    _text("symbol"),
    _text("side"),
    _time("opened_ms"),
    _time("closed_ms"),
    _text("quantity"),
    _text("entry_price"),
    _text("exit_price"),
    _text("profit_quote"),
    _text("fees_quote"),
    _text("reason"),
    _optional_text("strategy_id"),  # NULL: written before there were others than the ensemble
    _optional_text("regime"),
    _optional_real("best_frac"),
    _optional_real("worst_frac"),
    _optional_real("r_frac"),
)
"""Positions from flat to flat. The excursions are NULL where nothing saw them, and in rows of versions before."""

executions = Table(
    "executions",
    metadata,
    _text("parent_id", key=True),
    _text("symbol"),
    _text("side"),
    _text("algorithm"),
    _text("purpose"),
    _text("quantity"),
    _text("filled"),
    _real("arrival_mid"),
    _real("average_price"),
    _real("slippage_bps"),
    _real("spread_bps"),
    _text("fees_quote"),
    _real("market_order_bps"),
    _time("started_ms"),
    _time("ended_ms"),
    Column("orders", Integer, nullable=False),
    _optional_text("decision_price"),
    Column("decided_ms", Integer),
    *(_optional_text(f"{name}_quote") for name in ("delay", "spread", "impact", "modelled")),
    _optional_text("mark_price"),
)
"""The cost analysis of each parent order, and of each protective stop that filled."""

equity = Table(
    "equity",
    metadata,
    _time("ts_ms", key=True),
    *(_real(name) for name in ("equity", "cash", "exposure", "peak", "day_start")),
)

state = Table("state", metadata, _text("kind", key=True), _text("key", key=True), Column("value", LargeBinary))
"""Parts of the engine's state: msgpack of the struct that `kind` names."""

trading_state = Table(
    "trading_state",
    metadata,
    Column("number", Integer, CheckConstraint("number = 1"), primary_key=True),
    _text("state"),
    _list("reasons"),
    _time("ts_ms"),
)
"""One row: active, reducing or halted, and why."""

Index("inputs_by_time", inputs.c.ts_ms)
Index("orders_by_status", orders.c.status)
Index("orders_by_time", orders.c.updated_ms)
Index("fills_by_time", fills.c.symbol, fills.c.ts_ms)
Index("payments_by_time", payments.c.ts_ms)
Index("decisions_by_time", decisions.c.ts_ms)
Index("decisions_by_symbol", decisions.c.symbol, decisions.c.ts_ms)
