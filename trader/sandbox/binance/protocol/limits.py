"""Request weight and order rate, per real minute and ten real seconds, as Binance counts them."""

from collections.abc import Callable

from trader.sandbox.binance.protocol.errors import BinanceError

_MINUTE_S = 60.0
_ORDER_WINDOW_S = 10.0
_IGNORED_REFUSALS = 10  # requests after a 429 that turn it into a ban
_BAN_S = 120.0


class RateLimiter:
    """One client address. `now_s` is monotonic real time; windows begin at its multiples."""

    def __init__(self, weight_per_minute: int, now_s: Callable[[], float], *, orders_per_10_s: int = 100) -> None:
        self.limit = weight_per_minute
        self._orders = orders_per_10_s
        self._now_s = now_s
        self._minute = -1
        self._ten_seconds = -1
        self._refused = 0
        self._banned_until_s = 0.0
        self.used_weight = 0
        self.order_count = 0

    def charge(self, weight: int) -> None:
        """Count a request. Raises 429 past the limit, 418 for a client that goes on regardless."""
        now = self._now_s()
        if now < self._banned_until_s:
            raise self._ban(self._banned_until_s - now)
        if int(now // _MINUTE_S) != self._minute:
            self._minute, self.used_weight, self._refused = int(now // _MINUTE_S), 0, 0
        self.used_weight += weight
        if self.used_weight <= self.limit:
            return
        self._refused += 1
        if self._refused > _IGNORED_REFUSALS:
            self._banned_until_s = now + _BAN_S
            raise self._ban(_BAN_S)
        raise BinanceError(
            -1003,
            f"Too much request weight used; current limit is {self.limit} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API.",
            status=429,
            extra={"retry_after_s": _MINUTE_S - now % _MINUTE_S},
        )

    def charge_order(self) -> None:
        """Count a new order. Raises 429 for too many in ten seconds."""
        now = self._now_s()
        if int(now // _ORDER_WINDOW_S) != self._ten_seconds:
            self._ten_seconds, self.order_count = int(now // _ORDER_WINDOW_S), 0
        self.order_count += 1
        if self.order_count > self._orders:
            raise BinanceError(
                -1015,
                f"Too many new orders; current limit is {self._orders} orders per 10 SECOND.",
                status=429,
                extra={"retry_after_s": _ORDER_WINDOW_S - now % _ORDER_WINDOW_S},
            )

    def headers(self) -> dict[str, str]:
        return {
            "X-MBX-USED-WEIGHT": str(self.used_weight),
            "X-MBX-USED-WEIGHT-1M": str(self.used_weight),
            "X-MBX-ORDER-COUNT-10S": str(self.order_count),
        }

    @staticmethod
    def _ban(left_s: float) -> BinanceError:
        return BinanceError(
            -1003,
            "Way too much request weight used; IP banned. Please use WebSocket Streams for live updates to avoid bans.",
            status=418,
            extra={"retry_after_s": left_s},
        )
