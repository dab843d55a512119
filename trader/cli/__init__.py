"""Typer commands, one file per group: parse, call, print. No logic. Heavy imports wait inside the commands.

application  the `trader` command and its groups: a new command is entered here
look         commands that read: from the daemon, or from its ledger
act          commands that act on the running daemon
runs         commands that work until they are done: run, train, bench, compile
doctor, download, features, models, sandbox, tune  one command or group each
options      options that several commands share
output       JSON for programs, a console for people; `tables`, `status_view`, `model_tables` what is printed

Begin with `application`.
"""

import errno
import sys

_DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DISK_REFUSES = (errno.EACCES, errno.EPERM, errno.EROFS)


def main() -> None:
    """Entry point of the `trader` command.

    Exit codes: 0 done, 1 it went wrong, 2 something must be changed first (configuration or usage), 130 interrupted.
    """
    from trader.cli.application import app
    from trader.domain.errors import Misconfigured, TraderError

    try:
        app()
    except TraderError as error:
        _tell(error)
        sys.exit(2 if isinstance(error, Misconfigured) else 1)
    except ExceptionGroup as group:  # tasks of the daemon that failed together
        ours, others = group.split(TraderError)
        if ours is None or others is not None:
            raise
        for leaf in _leaves(ours):
            _tell(leaf)
        sys.exit(1)
    except BrokenPipeError:  # `trader orders | head`
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:  # wherever a file could not be written: a person knows what to do without a traceback
        if error.errno not in (*_DISK_IS_FULL, *_DISK_REFUSES):
            raise
        _tell(f"{error.filename or 'a file of this program'}: {error.strerror}")
        sys.exit(1 if error.errno in _DISK_IS_FULL else 2)
    except KeyboardInterrupt:
        sys.exit(130)


def _tell(error: BaseException | str) -> None:
    for line in str(error).splitlines() or [type(error).__name__]:
        sys.stderr.write(f"trader: {line}\n")


def _leaves(error: BaseException) -> list[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
