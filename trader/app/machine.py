"""What can be asked of an installation without trading: compile its kernels, measure it, examine it."""

from typing import TYPE_CHECKING

from trader.app.access import bundled, known_market_id
from trader.config.schema import Settings
from trader.service.process import kernels
from trader.service.process.access import MarketAccess, clock_of

if TYPE_CHECKING:
    from trader.service.doctor.finding import Finding


def compile_kernels(settings: Settings) -> None:
    """Compile everything numba needs into the state directory's cache."""
    cache = kernels.use_cache(settings)
    from trader import features, models

    features.compile_kernels()
    models.compile_kernels()
    kernels.mark_compiled(cache)


def bench(only: list[str], *, as_json: bool) -> int:
    """`trader bench`: the speed table of this machine."""
    from trader.bench.table import run_bench

    return run_bench(only, as_json=as_json)


def doctor(settings: Settings) -> list["Finding"]:
    """`trader doctor`: what is there and what is missing. Starts and changes nothing."""
    from trader.service.doctor.examination import examine

    is_bundled = settings.exchange.id == "sandbox"
    market_id = known_market_id(settings)

    async def locate() -> MarketAccess:
        from trader.sandbox.server.process import answers
        from trader.sandbox.server.status import read_status

        running = read_status(settings.storage.state_dir / "sandbox") if is_bundled else None
        if running is not None and await answers(running):
            return bundled(settings, running)
        return MarketAccess(settings, await clock_of(settings.exchange), None, market_id)

    needs_keys = settings.mode == "live" and not is_bundled
    return examine(settings, locate, market_id=market_id, needs_keys=needs_keys)
