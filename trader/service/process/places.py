"""Where one account's files live under `settings.account_dir`."""

from pathlib import Path

from trader.config.schema import Settings


def recordings_path(settings: Settings) -> Path:
    """What the market told this account's daemon."""
    return settings.account_dir / "recordings"


def control_path(settings: Settings) -> Path:
    """The running daemon's control socket."""
    return socket_path(settings.account_dir)


def socket_path(account_dir: Path) -> Path:
    return account_dir / "run" / "control.sock"
