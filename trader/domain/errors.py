"""The five kinds of failure, one reaction each.

TraderError
├── Unavailable       the other side did not answer: retry reads, bounded and jittered
├── Rejected          a definitive no: tell, never retry
├── OutcomeUnknown    the request may have been carried out: in flight until there is evidence
├── Misconfigured     refuse to start: exit code 2 and one clear line
└── InvariantBroken   our own books disagree: stop opening, keep protecting, alert
"""

from trader.domain.refusals import RefusalCode


class TraderError(Exception):
    """Root of every error this program raises on purpose."""


class Unavailable(TraderError):
    """The other side gave no usable answer and nothing was changed there.

    `retry_after_s` is what the other side asked us to wait, or None.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Rejected(TraderError):
    """The other side definitively refused."""

    def __init__(self, message: str, *, code: RefusalCode = RefusalCode.REJECTED) -> None:
        super().__init__(message)
        self.code = code


class OutcomeUnknown(TraderError):
    """The request may or may not have been carried out; only later evidence can tell."""


class Misconfigured(TraderError):
    """Something a person must change before the program can start; the message says what is allowed."""


class InvariantBroken(TraderError):
    """Two of our own records disagree; trading on would build on a lie."""
