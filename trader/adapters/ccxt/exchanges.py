"""What differs from exchange to exchange, as data. An exchange without an entry gets `DEFAULT`, which suits most.

Facts were read in ccxt 4.5.90 and checked against the exchanges' own documentation; the ccxt version is pinned.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from trader.domain.units import DAY_MS, WEEK_MS


class Permission(msgspec.Struct, frozen=True):
    """Where an exchange tells whether an API key may withdraw."""

    method: str  # ccxt's implicit endpoint
    path: tuple[str | int, ...]  # into the answer
    word: str = ""  # the right is there when this is in the text or list found; "" = when the value is true


class ConditionalFields(msgspec.Struct, frozen=True):
    """A conditional order with numbers of its own becomes an ordinary order when it triggers.

    Where its raw form, over REST or the stream, says what ccxt leaves out. Its own number never names an ordinary
    order, so it is told apart by `prefix`; once it has become one, that order's number counts.
    """

    number_keys: tuple[str, ...]
    order_number_keys: tuple[str, ...]  # of the order it became; empty before
    filled_keys: tuple[str, ...]
    status_keys: tuple[str, ...]
    statuses: Mapping[str, str]  # theirs -> waiting, triggered, ended, canceled, expired
    prefix: str = "c"


class Wallets(msgspec.Struct, frozen=True):
    """Where a raw answer about balances lists the wallets of a margined account: without unrealised profit."""

    path: tuple[str | int, ...]
    asset_key: str
    amount_key: str


class DeadMan(msgspec.Struct, frozen=True):
    """How an exchange is told to cancel what rests in a symbol's order book unless it hears again in time.

    Only where protective stops are not in that book: they are to outlive the daemon.
    """

    method: str  # ccxt's implicit endpoint, for one symbol
    symbol_key: str
    time_key: str  # milliseconds; 0 = not any more


class Incomes(msgspec.Struct, frozen=True):
    """How an exchange is asked for money that moved without a fill."""

    kinds: Mapping[str, str]  # theirs -> `PaymentKind`
    method: str = "fetch_ledger"  # of ccxt; its `info` has the fields below
    kind_key: str = "incomeType"
    symbol_key: str = "symbol"
    page: int = 1000
    window_ms: int = WEEK_MS


class ExchangeFacts(msgspec.Struct, frozen=True):
    """How one exchange wants to be spoken to through ccxt."""

    client_id_key: str = "clientOrderId"  # parameter of a new order
    query_id_key: str = "clientOrderId"  # parameter of a query or cancel by client id
    trade_client_id_keys: tuple[str, ...] = ()  # fields of a raw own trade that hold the order's client id
    stream_fee_sign: int = 1  # -1: in streamed own trades ccxt leaves a fee that was paid negative
    queries_orders: bool = True  # fetch_order finds any order by client id; else open and closed ones are searched
    latest_trades_reach_back: bool = False  # own trades without a start time are the newest, however old
    replaces_in_one_request: bool = False
    replace_cancel_id_key: str = ""  # parameter naming the order to replace by client id
    replace_stop_key: str = "stopPrice"  # parameter of the stop price in a replacement
    replace_cancel_answer: str = ""  # field of the answer with the old order's end
    stop_book: Mapping[str, Any] = {}  # parameters that reach conditional orders kept in a book of their own
    conditional: ConditionalFields | None = None
    wallets: Wallets | None = None  # None: ccxt's totals are wallets
    incomes: Incomes | None = None  # None: funding only, as ccxt unifies it
    realised_keys: tuple[str, ...] = ()  # fields of a raw own trade that hold the profit it realised
    forced_prefixes: tuple[str, ...] = ()  # of client ids of orders the exchange itself places: liquidations
    unchanged_codes: frozenset[str] = frozenset()  # refusals that mean: it is set like that already
    margin_mode_key: str = ""  # parameter of the leverage that sets the margin mode with it
    perpetual_class: str = ""  # ccxt's class for linear perpetuals, where it is another one
    listen_key_option: str = ""  # ccxt's option that holds the key of the account stream
    permission: Permission | None = None
    dead_man: DeadMan | None = None
    balance_key: str = ""  # what every answer about balances holds; without it ccxt calls the account empty
    spot_options: Mapping[str, Any] = {}
    perpetual_options: Mapping[str, Any] = {}
    candle_page: int = 500  # rows a history request may ask for
    history_rows: int | None = None  # candles the exchange keeps per timeframe; None = all
    trade_page: int = 100  # own trades a request may ask for
    trade_window_ms: int = 0  # longest span of one request for own trades; 0 = any
    listing_parameter: str = ""  # of a request for markets: the ids of those that are wanted; "" = all come
    open_orders_page: int | None = None  # open orders come in pages of this size
    book_snapshot: int | None = None  # levels to ask for so that a book stays whole while the price moves
    subscribes_account: bool = False  # authenticate() without arguments opens the account stream
    account_end_events: frozenset[str] = frozenset()  # raw events after which an account stream is silent for ever
    not_placed_codes: frozenset[str] = frozenset()  # error codes that prove an order was not placed
    duplicate_words: tuple[str, ...] = ("uplicate",)  # texts of a refusal that prove the order exists
    not_found_words: tuple[str, ...] = ()  # texts of a refusal that mean "no such order"
    one_client_per_key: bool = False  # requests of a key carry rising nonces, which two clients would mix up
    loopback_rate_limit_ms: float = 1.0


DEFAULT = ExchangeFacts()

_BINANCE = ExchangeFacts(
    client_id_key="newClientOrderId",
    query_id_key="origClientOrderId",
    trade_client_id_keys=("c",),
    replaces_in_one_request=True,
    replace_cancel_id_key="cancelOrigClientOrderId",
    replace_cancel_answer="cancelResponse",
    permission=Permission("sapi_get_account_apirestrictions", ("enableWithdrawals",)),
    balance_key="balances",
    spot_options={
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"]},
        "fetchMargins": False,
        "fetchCurrencies": False,
        "warnOnFetchOpenOrdersWithoutSymbol": False,
        "streamLimits": {"spot": 5},  # sockets to share; ccxt opens one per subscription up to this
    },
    perpetual_options={
        "defaultType": "swap",
        "defaultSubType": "linear",
        "fetchMarkets": {"types": ["linear"]},
        "fetchMargins": False,
        "fetchCurrencies": False,
        "warnOnFetchOpenOrdersWithoutSymbol": False,
        "streamLimits": {"linear": 5},
        "watchPositions": {"fetchPositionsSnapshot": False},
    },
    candle_page=1000,
    trade_page=1000,
    trade_window_ms=DAY_MS,
    latest_trades_reach_back=True,
    listing_parameter="symbols",
    book_snapshot=500,
    subscribes_account=True,
    account_end_events=frozenset({"eventStreamTerminated", "listenKeyExpired"}),
    not_placed_codes=frozenset({"-1008", "-1021", "-1003", "-1015", "-2021", "-2022"}),
)

_BYBIT = ExchangeFacts(
    client_id_key="orderLinkId",
    query_id_key="orderLinkId",
    trade_client_id_keys=("orderLinkId",),
    queries_orders=False,
    stop_book={"trigger": True, "orderFilter": "tpslOrder"},
    permission=Permission("private_get_v5_user_query_api", ("result", "permissions", "Wallet"), "Withdraw"),
    balance_key="result",
    wallets=Wallets(("result", "list", 0, "coin"), "coin", "walletBalance"),
    unchanged_codes=frozenset({"110043", "110026", "110025"}),
    spot_options={"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False},
    perpetual_options={
        "defaultType": "swap",
        "defaultSubType": "linear",
        "fetchMarkets": {"types": ["linear"]},
        "fetchCurrencies": False,
    },
    candle_page=1000,
    trade_window_ms=WEEK_MS,
    open_orders_page=50,
    book_snapshot=200,
    not_placed_codes=frozenset({"10002", "10006", "10018"}),
)

_OKX = ExchangeFacts(
    client_id_key="clOrdId",
    query_id_key="clOrdId",
    trade_client_id_keys=("clOrdId",),
    stream_fee_sign=-1,
    stop_book={"trigger": True},
    permission=Permission("private_get_account_config", ("data", 0, "perm"), "withdraw"),
    balance_key="data",
    wallets=Wallets(("data", 0, "details"), "ccy", "cashBal"),
    margin_mode_key="mgnMode",
    spot_options={"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}},
    perpetual_options={"defaultType": "swap", "fetchMarkets": {"types": ["swap"]}},
    candle_page=100,
    open_orders_page=100,
    subscribes_account=True,
    not_placed_codes=frozenset({"50011", "50013", "50102"}),
)

_KRAKEN = ExchangeFacts(
    balance_key="result",
    client_id_key="cl_ord_id",
    query_id_key="cl_ord_id",
    trade_client_id_keys=("cl_ord_id",),
    queries_orders=False,
    one_client_per_key=True,
    spot_options={"defaultType": "spot"},
    candle_page=720,
    history_rows=720,
    trade_page=50,
    book_snapshot=100,
    subscribes_account=True,
    not_found_words=("Unknown order",),
)

_BINANCE_USDM = msgspec.structs.replace(
    _BINANCE,
    replaces_in_one_request=False,
    listing_parameter="",
    stop_book={"trigger": True},
    conditional=ConditionalFields(
        number_keys=("algoId", "aid"),
        order_number_keys=("actualOrderId", "ai"),
        filled_keys=("actualQty", "aq"),
        status_keys=("algoStatus", "X"),
        statuses={
            "NEW": "waiting",
            "TRIGGERING": "waiting",
            "TRIGGERED": "triggered",
            "FINISHED": "ended",
            "CANCELED": "canceled",
            "REJECTED": "expired",  # what it became was refused: nothing rests any more
            "EXPIRED": "expired",
        },
    ),
    balance_key="assets",
    wallets=Wallets(("assets",), "asset", "walletBalance"),
    incomes=Incomes({"FUNDING_FEE": "funding", "INSURANCE_CLEAR": "liquidation"}),
    realised_keys=("realizedPnl", "rp"),
    forced_prefixes=("autoclose-", "adl_autoclose", "settlement_autoclose-"),
    unchanged_codes=frozenset({"-4046", "-4059"}),
    listen_key_option="linear",
    # its documentation says "all open orders", as that of allOpenOrders does, which leaves the Algo Service alone
    dead_man=DeadMan("fapiPrivatePostCountdownCancelAll", "symbol", "countdownTime"),
)

_FACTS: Mapping[str, ExchangeFacts] = {
    "binance": msgspec.structs.replace(_BINANCE, perpetual_class="binanceusdm"),
    "binanceus": _BINANCE,
    "binanceusdm": _BINANCE_USDM,
    "bybit": _BYBIT,
    "okx": _OKX,
    "kraken": _KRAKEN,
}


def ccxt_id_for(exchange_id: str, market: str) -> str:
    """ccxt's class for a market of an exchange: "binance" trades its linear perpetuals as "binanceusdm"."""
    return (market == "perpetual" and facts_for(exchange_id).perpetual_class) or exchange_id


def facts_for(ccxt_id: str) -> ExchangeFacts:
    """The facts of one exchange, or the defaults."""
    return _FACTS.get(ccxt_id, DEFAULT)
