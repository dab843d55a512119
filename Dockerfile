# syntax=docker/dockerfile:1
# docker build --target live -t trader:live .    trades; has no learning libraries, so it cannot train
# docker build --target full -t trader:full .    trades and trains
# How to run them: docs/operations.md

FROM python:3.11-slim-bookworm AS python
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1

# --- the wheel: our own code, built once for both -------------------------------------------------------------------
FROM python AS wheel
WORKDIR /source
RUN python -m venv /build
COPY scripts/requirements/live.txt requirements.txt
RUN /build/bin/pip install --require-hashes -r requirements.txt
COPY pyproject.toml README.md ./
COPY trader trader
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheel .

# --- the locked environments ----------------------------------------------------------------------------------------
FROM python AS live-env
RUN python -m venv /opt/trader
COPY scripts/requirements/live.txt requirements.txt
RUN /opt/trader/bin/pip install --require-hashes -r requirements.txt
COPY --from=wheel /wheel /wheel
RUN /opt/trader/bin/pip install --no-deps /wheel/*.whl && /opt/trader/bin/python -m compileall -q /opt/trader

FROM python AS full-env
RUN python -m venv /opt/trader
COPY scripts/requirements/run.txt requirements.txt
RUN /opt/trader/bin/pip install --require-hashes -r requirements.txt
COPY --from=wheel /wheel /wheel
RUN /opt/trader/bin/pip install --no-deps /wheel/*.whl && /opt/trader/bin/python -m compileall -q /opt/trader

# --- what runs: no compiler, no pip cache, no root ------------------------------------------------------------------
FROM python AS base
RUN useradd --system --uid 10001 --home-dir /var/lib/trader --shell /usr/sbin/nologin trader \
    && install -d -o trader -g trader -m 0700 /var/lib/trader \
    && install -d /etc/trader
COPY config.yaml /etc/trader/config.yaml
ENV PATH=/opt/trader/bin:$PATH PYTHONUNBUFFERED=1 \
    TRADER__STORAGE__STATE_DIR=/var/lib/trader TRADER__LOG__FORMAT=json
WORKDIR /etc/trader
USER trader
VOLUME /var/lib/trader
STOPSIGNAL SIGTERM
# The first start compiles kernels and may train a model. The exec form keeps the daemon process 1, so that it is the
# one that gets the signal; `docker run --init` also reaps what a killed child leaves.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30m --retries=3 CMD ["trader", "health"]
ENTRYPOINT ["trader"]
CMD ["run"]

FROM base AS live
COPY --from=live-env /opt/trader /opt/trader

FROM base AS full
USER root
# LightGBM links to it
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
COPY --from=full-env /opt/trader /opt/trader
USER trader
