"""API keys, signatures, receive windows."""

import hashlib
import hmac
import re
from collections.abc import Mapping

from trader.domain.units import MINUTE_MS
from trader.ports import Clock
from trader.sandbox.binance.protocol.errors import BinanceError, illegal, missing

_DEFAULT_WINDOW_MS = 5_000
_LARGEST_WINDOW_MS = MINUTE_MS
_AHEAD_MS = 1_000
_SIGNATURE = re.compile(r"(^|&)signature=([^&]*)")


class Authenticator:
    """Checks what a signed request needs. Times are market time; windows grow with the market's speed."""

    def __init__(self, api_key: str, api_secret: str, clock: Clock) -> None:
        self.api_key = api_key
        self._secret = api_secret.encode()
        self._clock = clock

    def check_key(self, given: str | None) -> None:
        """Raises `BinanceError` for a missing, malformed or foreign key."""
        if not given or not re.match(r"^[A-Za-z0-9]{8,128}$", given):
            raise BinanceError(-2014, "API-key format invalid.", status=401)
        if not hmac.compare_digest(given, self.api_key):
            raise BinanceError(-2015, "Invalid API-key, IP, or permissions for action.", status=401)

    def check_request(self, query: str, body: str, params: Mapping[str, str]) -> None:
        """A REST request: the signature covers query and body exactly as they were sent, without `signature`."""
        if not params.get("signature"):
            raise missing("signature")
        self._check_time(params)
        self._check_signature(_SIGNATURE.sub("", query) + _SIGNATURE.sub("", body), params["signature"])

    def check_message(self, params: Mapping[str, str]) -> None:
        """A websocket request: the signature covers its parameters in alphabetical order."""
        self.check_key(params.get("apiKey"))
        if not params.get("signature"):
            raise missing("signature")
        self._check_time(params)
        covered = "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature")
        self._check_signature(covered, params["signature"])

    def _check_signature(self, payload: str, signature: str) -> None:
        expected = hmac.new(self._secret, payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, signature):
            raise BinanceError(-1022, "Signature for this request is not valid.")

    def _check_time(self, params: Mapping[str, str]) -> None:
        stamp = params.get("timestamp")
        if not stamp:
            raise missing("timestamp")
        if not stamp.isdigit():
            raise illegal("timestamp", "^[0-9]{1,20}$")
        window = params.get("recvWindow") or str(_DEFAULT_WINDOW_MS)
        try:
            window_ms = float(window)
        except ValueError as error:
            raise illegal("recvWindow", "^[0-9]{1,5}(\\.[0-9]{1,3})?$") from error
        if not 0 < window_ms <= _LARGEST_WINDOW_MS:
            raise BinanceError(-1131, "recvWindow must be less than 60000.")
        age_ms = self._clock.now_ms() - int(stamp)
        if age_ms <= -_AHEAD_MS * self._clock.speed:
            raise BinanceError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if age_ms > window_ms * self._clock.speed:
            raise BinanceError(-1021, "Timestamp for this request is outside of the recvWindow.")
