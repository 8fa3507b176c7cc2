# Build: docker build -f Dockerfile app        (the context is the application's directory)
# Equal sources make equal files: SOURCE_DATE_EPOCH (seconds) is the time of all that is made here.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
# Without a fixed seed, compiled sets have another order each time.
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0
RUN python3 -m venv /build
COPY requirements.txt /build/
# Packages go into a directory of their own, which any base's Python finds by PYTHONPATH. What nothing here uses goes:
# - botocore's descriptions of 400 services but the three called, and boto3's of its resources (of endpoints too,
#   all are described in one file, which botocore reads compressed just as well)
# - SQLAlchemy's compiled modules: only migrations use it, and it has the same in Python
# - what packages carry for type checkers, for testing, for asyncio and for a predecessor's interface
ARG SOURCE_DATE_EPOCH=0
RUN /build/bin/pip install --quiet --no-compile --target /opt/packages -r /build/requirements.txt \
    && cd /opt/packages \
    && find botocore/data -mindepth 1 -maxdepth 1 -type d \
        ! -name s3 ! -name secretsmanager ! -name sts -exec rm -r {} + \
    && gzip -9n botocore/data/endpoints.json \
    && find sqlalchemy -name '*.so' -delete \
    && find . -name '*.pyi' -delete \
    && rm -r bin boto3/data boto3/examples \
        alembic/testing mako/testing sqlalchemy/testing sqlalchemy/ext/asyncio pydantic/v1 \
    && python3 -m compileall -q --invalidation-mode unchecked-hash . \
    && find . -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +
COPY serve.py healthcheck.py /opt/app/
COPY slipway_app /opt/app/slipway_app
RUN cd /opt/app && python3 -m compileall -q --invalidation-mode unchecked-hash . \
    && find . -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +

FROM ${PYTHON_IMAGE}
ENV PYTHONPATH=/opt/packages PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp PORT=8000
COPY --from=build /opt/packages /opt/packages
EXPOSE 8000
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python3", "healthcheck.py"]
CMD ["python3", "serve.py", "--preload", "slipway_app:create_app()"]
COPY --from=build /opt/app /opt/app
WORKDIR /opt/app
ARG VERSION=0.0.0
ARG REVISION=unknown
ENV VERSION=${VERSION} REVISION=${REVISION}
LABEL org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}"
