# Sourced by the other scripts: `venv run|dev` makes .venv hold exactly that locked set; quick when nothing changed.
# TRADER_VENV and TRADER_PYTHON choose another folder or interpreter.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
venv_dir=${TRADER_VENV:-$root/.venv}
is_fresh=no

venv() {
    local lock="scripts/requirements/$1.txt" python=${TRADER_PYTHON:-python3} stamp
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
        echo "trader needs Python 3.11 or newer; '$python' is $("$python" --version 2>&1 || echo missing). Set TRADER_PYTHON." >&2
        exit 2
    }
    stamp="$(cat "$lock" pyproject.toml | cksum)"
    # the development set holds the run set, so it serves both
    if [ "$1" = run ] && [ -f "$venv_dir/.dev.stamp" ]; then venv dev; return; fi
    [ "$(cat "$venv_dir/.$1.stamp" 2>/dev/null)" = "$stamp" ] && return
    echo "Installing the locked dependencies into $venv_dir (about 1.3 GB, once) ..." >&2
    [ -x "$venv_dir/bin/python" ] || "$python" -m venv "$venv_dir"
    # not compiled to bytecode: half of the work, and Python does it by itself for the fifth that is ever imported
    "$venv_dir/bin/pip" install --quiet --disable-pip-version-check --no-compile --require-hashes -r "$lock"
    "$venv_dir/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
    echo "$stamp" >"$venv_dir/.$1.stamp"
    is_fresh=yes
}
