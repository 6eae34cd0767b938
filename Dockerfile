# The service, `edge-serve run`, in an image: no torch, no compiler, no root. compose.yaml starts it with its limits.
# `make image-check` runs these steps without docker. HEIC is read by an image built with `--build-arg EXTRAS="server
# buckets geometry siglip heic"`; this one is without, since the decoder's wheel holds x265, under the GPL-2.0.

FROM python:3.11-slim AS build
ARG EXTRAS="server buckets geometry siglip"
WORKDIR /src
# What others wrote comes first, in a layer of its own: it stays as it is until these two change.
COPY pyproject.toml requirements.lock ./
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
        print(*p['dependencies'], *(d for e in '${EXTRAS}'.split() for d in p['optional-dependencies'][e]), sep='\n')" \
        > requirements.txt \
    && python -m venv /opt/edge \
    && /opt/edge/bin/python -m pip install --no-cache-dir --disable-pip-version-check --constraint requirements.lock \
        --requirement requirements.txt
COPY README.md LICENSE NOTICE setup.py ./
COPY edge_identify ./edge_identify
COPY edge_runtime ./edge_runtime
COPY datasets ./datasets
COPY convert ./convert
COPY sync_server ./sync_server
RUN /opt/edge/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-deps .

FROM python:3.11-slim
COPY --from=build /opt/edge /opt/edge
# The address is the container's own; which of the machine's may reach it, `ports` says.
ENV PATH=/opt/edge/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    EDGE_SERVE_HOST=0.0.0.0 \
    EDGE_SERVE_PORT=8000 \
    LOG_LEVEL=info
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['EDGE_SERVE_PORT'] + '/readyz', timeout=4)"]
CMD ["edge-serve", "run"]
