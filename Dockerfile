# The web server by default; `python manage.py worker` in a second container applies what it received.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

# PostgreSQL and .data/ need a real account; a fixed id keeps volumes readable after a rebuild.
RUN useradd --create-home --uid 10001 hub

COPY requirements.txt .
RUN pip install --require-hashes -r requirements.txt

# The product alone: .dockerignore names what stays out.
COPY . .
# Kept secrets and, without DATABASE_URL, the embedded database: mount a volume here.
RUN mkdir .data && chown hub:hub .data
VOLUME /app/.data

# Every interface of the container, at PORT (8000); who reaches it is decided where it is published.
ENV GUNICORN_BIND=0.0.0.0

USER hub
EXPOSE 8000
CMD ["gunicorn", "iikohub.wsgi"]
