# syntax=docker/dockerfile:1
# One image for worker, beat, web and every other `waybill` command.
ARG PYTHON=3.13-slim-bookworm

FROM python:${PYTHON} AS builder
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /app
# The libraries first: their layer lasts until uv.lock changes.
COPY pyproject.toml uv.lock README.md ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-default-groups --extra web --extra mcp --no-install-project
COPY entrypoints entrypoints
COPY dags dags
COPY pipelines pipelines
COPY connectors connectors
COPY schemas schemas
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-default-groups --extra web --extra mcp --no-editable

FROM python:${PYTHON}
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1
RUN useradd --uid 10001 --create-home waybill \
    && install --directory --owner=waybill --group=waybill /app/data
WORKDIR /app
COPY --from=builder /app/.venv .venv
# What a deployment changes: where things are, when they run, what they are. Mount over them.
COPY config.yaml config.yaml
COPY dags dags
COPY schemas schemas
USER 10001
VOLUME /app/data
# Of `waybill web`.
EXPOSE 8080
# Of every role: does the ledger answer, with the tables of this version?
HEALTHCHECK --interval=60s --timeout=20s --start-period=60s CMD ["waybill", "doctor", "--ready"]
ENTRYPOINT ["waybill"]
CMD ["worker"]
