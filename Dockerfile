# syntax=docker/dockerfile:1
# One image for the API and the worker: what it runs is the command's choice.
FROM python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d

# Microsoft's ODBC Driver 18, as its page "Install the Microsoft ODBC driver for SQL Server (Linux)"
# says for Debian 12; gifsicle makes animated GIFs smaller than Pillow can.
ADD --chmod=644 --checksum=sha256:2fa9c05d591a1582a9aba276272478c262e95ad00acf60eaee1644d93941e3c6 \
    https://packages.microsoft.com/keys/microsoft.asc /usr/share/keyrings/microsoft-prod.asc
RUN echo "deb [arch=$(dpkg --print-architecture) signed-by=/usr/share/keyrings/microsoft-prod.asc]" \
        "https://packages.microsoft.com/debian/12/prod bookworm main" \
        > /etc/apt/sources.list.d/mssql-release.list \
    && apt-get update \
    && ACCEPT_EULA=Y apt-get install -y --no-install-recommends gifsicle msodbcsql18 unixodbc \
    && rm -rf /var/lib/apt/lists/*

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /service
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements.lock

COPY *.py pyproject.toml schema.sql ./
COPY api api
COPY commands commands
COPY compress compress
COPY http_server http_server
COPY manifest manifest
COPY metrics metrics
COPY migrations migrations
COPY outbound outbound
COPY pipeline pipeline
COPY resilience resilience
COPY shops shops
COPY storage storage
COPY work_queue work_queue
COPY templates templates
COPY static static

# A new volume takes over these folders' owner; the code itself stays root's.
RUN useradd --system --uid 10000 --no-create-home service \
    && install -d -o service uploads processed_images
USER service

ENV HOST=0.0.0.0 PORT=5000
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:5000/healthz', timeout=4)"]
CMD ["python", "app.py"]
