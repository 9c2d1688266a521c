# The web server by default; `python manage.py worker` in a second container applies what it received.
# CI runs these steps without Docker (tests/image.py), so it knows FROM, ENV, WORKDIR, COPY, RUN, USER, CMD alone.
FROM python:3.13-slim AS packages

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY requirements.txt .
# Without pip of its own: nothing is installed later.
RUN python3 -m venv --without-pip /opt/venv
RUN python3 -m pip --python /opt/venv/bin/python install --require-hashes -r requirements.txt

FROM python:3.13-slim

ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

# PostgreSQL and .data/ need a real account; a fixed id keeps volumes readable after a rebuild.
RUN useradd --no-create-home --home-dir /app --shell /usr/sbin/nologin --uid 10001 hub

COPY --from=packages /opt/venv /opt/venv
# The product alone: .dockerignore names what stays out.
COPY . .
# Compiled here, since the files are read-only later. What may be written is .data (kept secrets and, without
# DATABASE_URL, the embedded database: mount a volume there) and /tmp.
RUN python -m compileall -q . && mkdir -p .data/static .data/backups && chown -R hub:hub .data
VOLUME /app/.data

# Every interface of the container, at PORT (8000); who reaches it is decided where it is published.
ENV GUNICORN_BIND=0.0.0.0

USER hub
EXPOSE 8000
# Of the web server; a worker has no address, docker-compose.yml takes the check from it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + (os.environ.get('PORT') or '8000') + '/healthz', timeout=4)"]
# gunicorn, or what SERVER names.
CMD ["python", "-m", "iikohub.operations.web_server"]
