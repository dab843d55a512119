"""systemd's notify protocol: ready, status line, watchdog. Does nothing where systemd does not ask for it."""

import os
import socket
from collections.abc import Mapping


class ServiceManager:
    """Tells the service manager how we are. Never fails: a missing manager is the normal case."""

    def __init__(self, environ: Mapping[str, str] = os.environ, pid: int | None = None) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        watched = environ.get("WATCHDOG_PID", "")
        usec = environ.get("WATCHDOG_USEC", "")
        is_ours = not watched or watched == str(pid or os.getpid())
        self._watchdog_s = int(usec) / 1e6 if usec.isdigit() and is_ours else 0.0

    @property
    def watchdog_interval_s(self) -> float | None:
        """How often to call `alive` (half of what the manager tolerates), real seconds; None when nobody watches."""
        return self._watchdog_s / 2 if self._watchdog_s > 0 else None

    def ready(self, status: str = "") -> None:
        """Start-up is complete."""
        self._send("READY=1", *([f"STATUS={status}"] if status else []))

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={text}")

    def alive(self) -> None:
        """The event loop turns. Not calling this for the whole interval gets the process restarted."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        name = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        message = "\n".join(line.replace("\n", " ") for line in lines)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                manager.setblocking(False)
                manager.sendto(message.encode(), name)
        except OSError:
            pass  # the manager is gone or busy; the daemon goes on
