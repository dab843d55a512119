"""One ccxt.pro instance with guards: own session, market time, bounded calls, a dispatch that survives bad messages.

Everything else in this folder talks to an exchange through `read` (retried), `send` (never retried) and `ws`.
"""

import asyncio
import decimal
import logging
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ccxt.pro
import stamina
import structlog

from trader.adapters.ccxt.exchanges import ExchangeFacts
from trader.adapters.ccxt.transport import errors
from trader.adapters.ccxt.transport.flight import CURRENT, Flight, trace
from trader.adapters.ccxt.transport.loopback import open_session
from trader.adapters.ccxt.transport.timing import MarketTime, Pause
from trader.config.credentials import Credentials
from trader.config.exchange import ExchangeSettings, require_loopback
from trader.domain.errors import Misconfigured, Rejected, TraderError, Unavailable

log = structlog.get_logger("ccxt")

READ_ATTEMPTS = 3
QUEUE_S = 60.0  # longest wait in ccxt's rate limiter before a request starts
LONGEST_PAUSE_RETRY_S = 5.0
CLOCK_SAMPLES = 3
TOLERATED_OFFSET_S = 0.2  # a smaller clock difference is left in: it is within the measurement's own error
DEFAULT_PAUSE_S = {429: 2.0, 418: 60.0}  # when the answer names none

Translate = Callable[[BaseException, Flight, ExchangeFacts], TraderError]


def _retry_wait(error: Exception) -> bool | float:
    if not isinstance(error, Unavailable):
        return False
    if error.retry_after_s is None:
        return True
    return error.retry_after_s if 0 < error.retry_after_s <= LONGEST_PAUSE_RETRY_S else False


_RETRYING = stamina.AsyncRetryingCaller(
    attempts=READ_ATTEMPTS, timeout=None, wait_initial=0.2, wait_max=2.0, wait_jitter=0.3
).on(_retry_wait)


class Client:
    """Hooks, all called on the loop: `on_message` sees each decoded message first and returns whether it consumed
    it; `after_message` runs after ccxt took one in; `on_lost` is told when a socket closed or failed;
    `on_unreadable` when a message could not be processed and what it said is lost.

    `rate_share`: this client's share of the rate limit its address or account has.
    """

    def __init__(
        self,
        ccxt_id: str,
        facts: ExchangeFacts,
        settings: ExchangeSettings,
        *,
        time: MarketTime,
        pause: Pause,
        credentials: Credentials | None = None,
        rate_share: float = 1.0,
    ) -> None:
        self.facts = facts
        self.time = time
        self.on_message: Callable[[Any], bool] = _consumes_nothing
        self.after_message: Callable[[], None] = _does_nothing
        self.on_lost: Callable[[str], None] = _ignores
        self.on_unreadable: Callable[[str], None] = _ignores
        self.dispatch_failures = 0
        self._pause = pause
        self._timeout_s = settings.request_timeout_s
        self._is_closed = False
        self._is_clock_doubtful = False
        self._loopback = require_loopback(settings.endpoint) if settings.endpoint else None
        require_known(ccxt_id)  # before anything is open that would have to be closed
        self._session = open_session(loopback=self._loopback, ca_file=settings.ca_file, traces=[trace()])
        self.raw: Any = _instance(ccxt_id, self._config(settings, credentials))
        if credentials is not None:
            self.raw.number = str  # numbers as written: balances and fills stay exact to the last digit
        self._hook(rate_share)

    @property
    def is_loopback(self) -> bool:
        return self._loopback is not None

    # --- requests ---------------------------------------------------------------------------------------------

    async def read(self, method: str, *args: Any) -> Any:
        """The answer of a request that changes nothing, retried a few times while it is `Unavailable`."""
        answer, _ = await _RETRYING(self._call, method, args, errors.of_read)
        return answer

    async def send(self, method: str, *args: Any, failure: Translate) -> tuple[Any, Flight]:
        """The answer of a request that may change something, sent at most once, and how it went."""
        return await self._call(method, args, failure)

    async def _call(self, method: str, args: Sequence[Any], failure: Translate) -> tuple[Any, Flight]:
        pause_s = self._pause.remaining_s()
        if pause_s:
            raise Unavailable(f"{self.raw.id} asked for silence, {pause_s:.1f} s left", retry_after_s=pause_s)
        if self._is_clock_doubtful:
            await self._settle_clock()
        flight = Flight(answer_s=self._timeout_s + 1.0)  # ccxt's own timeout comes first
        token = CURRENT.set(flight)
        try:
            # ccxt changes the rounding of whatever decimal context it runs in
            with decimal.localcontext():
                async with asyncio.timeout(QUEUE_S) as flight.deadline:
                    answer = await getattr(self.raw, method)(*args)
            if flight.is_unreadable:
                raise ValueError(f"{method}: the answer is no JSON: {(flight.body or '')[:100]!r}")
            return answer, flight
        except errors.CAUGHT as error:
            raise self._failure(method, error, flight, failure) from None
        finally:
            CURRENT.reset(token)

    def _failure(self, method: str, error: BaseException, flight: Flight, failure: Translate) -> TraderError:
        if flight.status in DEFAULT_PAUSE_S:
            self._pause.extend(flight.retry_after_s or DEFAULT_PAUSE_S[flight.status])
        if isinstance(error, ccxt.InvalidNonce) and not isinstance(error, ccxt.ChecksumError):
            self._is_clock_doubtful = True
        found = failure(error, flight, self.facts)
        log.debug("request.failed", method=method, kind=type(found).__name__, status=flight.status, error=str(found))
        return found

    async def measure_clock(self, samples: int = CLOCK_SAMPLES) -> float:
        """Exchange time minus our market time, ms: of several requests the quickest, at its middle.

        Notes the offset for signatures when it is more than measurement error.
        """
        self._is_clock_doubtful = False
        best = (math.inf, 0.0)
        for _ in range(samples):
            before = self.time.our_ms()
            answer = await self.read("fetch_time")
            after = self.time.our_ms()
            try:
                best = min(best, (float(after - before), float(answer) - (before + after) / 2))
            except (TypeError, ValueError):
                raise Unavailable(f"the exchange's time is {answer!r}") from None
        offset_ms = best[1]
        self.time.offset_ms = offset_ms if abs(offset_ms) > TOLERATED_OFFSET_S * 1000 * self.time.speed else 0.0
        return offset_ms

    async def _settle_clock(self) -> None:
        """A time stamp was refused: measure before anything else is signed."""
        try:
            offset_ms = await self.measure_clock(samples=1)
        except (Unavailable, Rejected) as error:
            log.warning("clock.not_measured", error=str(error))
        else:
            log.warning("clock.resynced", offset_ms=offset_ms)

    # --- websockets -------------------------------------------------------------------------------------------

    async def drop_sockets(self, *, words: Sequence[str] = ()) -> int:
        """Close the sockets that carry a subscription with all `words` in its name (all sockets, if none does).

        Whoever waits on them gets a NetworkError at once; the next subscription dials anew. Returns how many.
        """
        sockets: dict[str, Any] = dict(self.raw.clients)
        wanted = {
            url: socket
            for url, socket in sockets.items()
            if any(all(word in key for word in words) for key in map(str.lower, map(str, socket.subscriptions)))
        }
        wanted = wanted if words and wanted else sockets
        for url, socket in wanted.items():
            self.raw.clients.pop(url, None)
            socket.error = socket.error or ccxt.NetworkError("closed for a fresh connection")
            socket.reject(socket.error)
        if wanted:
            self.on_lost("closed for a fresh connection")
            await asyncio.wait([asyncio.ensure_future(socket.aiohttp_close()) for socket in wanted.values()], timeout=2)
        return len(wanted)

    def unhook(self) -> None:
        """Tell nobody of messages and losses any more."""
        self.on_message, self.after_message = _consumes_nothing, _does_nothing
        self.on_lost = self.on_unreadable = _ignores

    async def close(self) -> None:
        """Close sockets and session. Safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            await self.raw.close()
        finally:
            await self._session.close()

    # --- set-up -----------------------------------------------------------------------------------------------

    def _config(self, settings: ExchangeSettings, credentials: Credentials | None) -> dict[str, Any]:
        facts = self.facts
        is_spot = settings.market == "spot"
        config: dict[str, Any] = {
            "session": self._session,
            "enableRateLimit": True,
            "timeout": int(settings.request_timeout_s * 1000),
            "options": {
                **(facts.spot_options if is_spot else facts.perpetual_options),
                "recvWindow": settings.receive_window_ms,
                "maxRetriesOnFailure": 0,
                "ws": {"keepAlive": int(settings.keep_alive_s * 1000)},
            },
        }
        config["options"].setdefault("defaultType", "spot" if is_spot else "swap")
        if self._loopback is not None:
            config["rateLimit"] = facts.loopback_rate_limit_ms
            config["options"]["ws"].update(cost=0, compress=0)
        if credentials is not None:
            config.update(apiKey=credentials.api_key, secret=credentials.secret)
            if credentials.password:
                config["password"] = credentials.password
        return config

    def _hook(self, rate_share: float) -> None:
        raw = self.raw
        if not self.is_loopback:
            raw.rateLimit = raw.rateLimit / rate_share
            raw.tokenBucket = None
            raw.init_rest_rate_limiter()
        raw.milliseconds = self.time.now_ms
        raw.seconds = lambda: self.time.now_ms() // 1000
        raw.microseconds = lambda: self.time.now_ms() * 1000
        raw.on_rest_response = _on_rest_response
        ping = raw.options["ws"]
        ping["keepAlive"] = min(ping["keepAlive"], raw.streaming.get("keepAlive") or ping["keepAlive"])
        raw.parse_json = _noting_unreadable(raw.parse_json)
        make_socket, dispatch = raw.client, raw.handle_message
        on_error, on_close = raw.on_error, raw.on_close

        def guarded_socket(url: str) -> Any:
            socket = make_socket(url)
            if "handle_message" not in vars(socket):
                socket.handle_message = self._guarded(socket.handle_message)
                socket.future = _never_complaining(socket.future)
            return socket

        def handle_message(socket: Any, message: Any) -> None:
            if not self.on_message(message):
                dispatch(socket, message)
                self.after_message()

        def lost(report: Callable[[Any, Any], None], socket: Any, reason: Any) -> None:
            is_current = raw.clients.get(socket.url) is socket
            report(socket, reason)
            if is_current:
                self.on_lost(f"socket closed: {reason}" if isinstance(reason, int) else errors.said(reason))

        raw.client = guarded_socket
        raw.handle_message = handle_message
        raw.on_error = lambda socket, error: lost(on_error, socket, error)
        raw.on_close = lambda socket, code: lost(on_close, socket, code)

    def _guarded(self, receive: Callable[[Any], None]) -> Callable[[Any], None]:
        """ccxt's receive loop ends for ever on any exception in it; this one counts, tells and goes on."""
        kinds: Counter[str] = Counter()

        def guarded(message: Any) -> None:
            try:
                with decimal.localcontext():
                    receive(message)
            except Exception as error:  # edge: one unreadable message must not end the stream  # noqa: BLE001
                self.dispatch_failures += 1
                kinds[type(error).__name__] += 1
                seen = kinds[type(error).__name__]
                if seen & (seen - 1) == 0:  # the 1st, 2nd, 4th, 8th ...
                    log.warning("message.unreadable", seen=seen, error=errors.said(error), where=errors.where(error))
                self.on_unreadable(errors.said(error))

        return guarded


def require_known(ccxt_id: str) -> None:
    """Raises `Misconfigured`, naming similar ones, for an exchange that ccxt does not stream from."""
    known = ccxt.pro.exchanges
    if ccxt_id not in known:
        alike = ", ".join(name for name in known if name.startswith(ccxt_id[:3])) or "see ccxt's list"
        raise Misconfigured(f"exchange.id {ccxt_id!r} is no exchange ccxt streams from; alike: {alike}")


def _instance(ccxt_id: str, config: dict[str, Any]) -> Any:
    # at debug level ccxt writes request headers, and with them the API key
    logging.getLogger("ccxt").setLevel(logging.INFO)
    return getattr(ccxt.pro, ccxt_id)(config)


def _on_rest_response(
    code: int, _reason: str, _url: str, _method: str, headers: Mapping[str, str], body: str, *_request: Any
) -> str:
    flight = CURRENT.get()
    if flight is not None:
        flight.answered(code, headers, body)
    return body.strip()


def _never_complaining(future: Callable[[str], Any]) -> Callable[[str], Any]:
    """ccxt rejects futures that nobody waits for any more, and asyncio writes a traceback for each of those."""

    def made(message_hash: str) -> Any:
        wanted = future(message_hash)
        wanted.remove_done_callback(_retrieved)
        wanted.add_done_callback(_retrieved)
        return wanted

    return made


def _retrieved(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()


def _noting_unreadable(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse_json(text: str) -> Any:
        parsed = parse(text)
        flight = CURRENT.get()
        if parsed is None and flight is not None and flight.status is not None and flight.status < 300:
            flight.is_unreadable = True
        return parsed

    return parse_json


def _consumes_nothing(_message: Any) -> bool:
    return False


def _does_nothing() -> None:
    return None


def _ignores(_reason: str) -> None:
    return None
