"""The words Binance USD-M has for a refusal of the simulated exchange."""

from typing import NoReturn

from trader.domain.errors import Rejected
from trader.domain.refusals import RefusalCode
from trader.sandbox.binance.protocol.errors import BinanceError
from trader.simulation.derivatives.perpetual import PRICE_BAND_FRAC

_BY_CODE = {
    RefusalCode.INSUFFICIENT_MARGIN: (-2019, "Margin is insufficient."),
    RefusalCode.INSUFFICIENT_FUNDS: (-2018, "Balance is insufficient."),
    RefusalCode.POSITION_TOO_LARGE: (-2027, "Exceeded the maximum allowable position at current leverage."),
    RefusalCode.LEVERAGE: (-4028, "Leverage is not valid"),
    RefusalCode.REDUCE_ONLY: (-2022, "ReduceOnly Order is rejected."),
    RefusalCode.DUPLICATE_CLIENT_ID: (-4116, "ClientOrderId is duplicated."),
    RefusalCode.WOULD_MATCH: (
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected. The order will not be "
        "recorded in the order history",
    ),
    RefusalCode.UNFILLABLE: (
        -5021,
        "Due to the order could not be filled immediately, the FOK order has been rejected. The order will not be "
        "recorded in the order history",
    ),
    RefusalCode.WOULD_TRIGGER: (-2021, "Order would immediately trigger."),
    RefusalCode.NO_LIQUIDITY: (-4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit."),
    RefusalCode.LOT_SIZE: (-4023, "Qty not increased by step size."),
    RefusalCode.PRICE_FILTER: (-4014, "Price not increased by tick size."),
    RefusalCode.MIN_NOTIONAL: (
        -4164,
        "Order's notional must be no smaller than the minimum (unless you choose reduce only).",
    ),
    RefusalCode.PRICE_TOO_HIGH: (
        -4016,
        f"Limit price can't be higher than {1 + PRICE_BAND_FRAC} times the mark price.",
    ),
    RefusalCode.PRICE_TOO_LOW: (-4024, f"Limit price can't be lower than {1 - PRICE_BAND_FRAC} times the mark price."),
    RefusalCode.UNKNOWN_ORDER: (-2011, "Unknown order sent."),
    RefusalCode.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
}


def refuse(refusal: Rejected) -> NoReturn:
    code, message = _BY_CODE.get(refusal.code, (-1130, f"Invalid data sent: {refusal}"))
    raise BinanceError(code, message) from refusal


def not_offered(what: str) -> BinanceError:
    """Something Binance has and this sandbox does not."""
    return BinanceError(-1020, f"This operation is not supported. (The sandbox has no {what}.)")
