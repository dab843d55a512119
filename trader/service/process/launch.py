"""The first code of a child process: `python -m trader.service.process.launch PARENT NICENESS MEMORY_MB module ...`.

Sets what must be set from inside (lower priority, a memory limit unless MEMORY_MB is 0, one thread per numeric library,
death with the parent), then turns into `python -m module args...`.
Doing it here, not between fork and exec, keeps the many-threaded daemon safe.
"""

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LOWEST = 19
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def main() -> None:
    """Become the module named in the arguments."""
    parent, niceness, memory_mb = map(int, sys.argv[1:4])
    os.nice(niceness)
    if niceness >= _LOWEST and sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # whoever else wakes up runs at once
    if memory_mb:
        _limit_memory(memory_mb * 1_000_000)
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            sys.exit(1)
    os.execv(sys.executable, [sys.executable, "-m", *sys.argv[4:]])


def _limit_memory(most_bytes: int) -> None:
    """An allocation beyond it fails; should memory run out all the same, this process is the one to go."""
    if sys.platform == "win32":
        return
    import resource

    # Linux counts private writable memory by RLIMIT_DATA, what is only mapped (libraries, files) not
    kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
    resource.setrlimit(kind, (most_bytes, most_bytes))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("900")


if __name__ == "__main__":
    main()
