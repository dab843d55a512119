"""Two traders never share a state directory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trader.domain.errors import Misconfigured
from trader.service.process.lock import StateLock, holder, prepare_private


def test_the_second_one_is_told_who_holds_it(tmp_path: Path) -> None:
    first, second = StateLock(tmp_path / "state"), StateLock(tmp_path / "state")
    first.acquire()
    with pytest.raises(Misconfigured, match=rf"another trader \(process {os.getpid()}\) is using it"):
        second.acquire()
    first.release()
    first.release()
    with second as held:
        assert held.is_held
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from trader.service.process.lock import StateLock;"
        "StateLock(Path(sys.argv[1])).acquire(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], env=environ, check=False)
    assert killed.returncode == -9
    with StateLock(tmp_path) as lock:
        assert lock.is_held


def test_whoever_holds_it_can_be_asked_for(tmp_path: Path) -> None:
    assert holder(tmp_path / "state") is None
    with StateLock(tmp_path / "state"):
        assert holder(tmp_path / "state") == os.getpid()
    assert holder(tmp_path / "state") is None


def test_a_child_does_not_inherit_the_lock(tmp_path: Path) -> None:
    lock = StateLock(tmp_path)
    lock.acquire()
    with subprocess.Popen(["sleep", "30"], close_fds=False) as child:
        lock.release()
        with StateLock(tmp_path) as again:
            assert again.is_held
        child.kill()


def test_places_that_cannot_be_a_private_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/trader")):
        with pytest.raises(Misconfigured, match=r"; change storage\.state_dir"):
            StateLock(place).acquire()


def test_a_directory_open_to_others_is_closed(tmp_path: Path) -> None:
    place = tmp_path / "run"
    place.mkdir(mode=0o755)
    place.chmod(0o755)
    prepare_private(place)
    assert place.stat().st_mode & 0o777 == 0o700
