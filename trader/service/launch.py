"""What a child process is before it becomes itself: `python -m trader.service.launch PARENT NICENESS module args...`.

Sets what must be set from inside (lower priority, death with the parent), then turns into `python -m module args...`.
Doing it here, not between fork and exec, keeps the many-threaded daemon safe.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become the module named in the arguments."""
    parent, niceness, *module = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]
    os.nice(niceness)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            sys.exit(1)
    os.execv(sys.executable, [sys.executable, "-m", *module])


if __name__ == "__main__":
    main()
