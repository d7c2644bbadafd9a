# One image for the five services; the command chooses which. Dependencies are a layer of their
# own, so that a change of code rebuilds nothing else. The load generator is an image of its own.
ARG PYTHON_IMAGE=python:3.14.10-slim
# That of the server in compose.yaml: a dump, and the server that a drill restores it into.
ARG MYSQL_IMAGE=mysql:9.7.4
# That of requirements/go.txt. It builds what runs housekeeping by the clock.
ARG GO_IMAGE=golang:1.27.3

FROM $PYTHON_IMAGE AS dependencies
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/arloji
COPY requirements/services.txt /tmp/services.txt
# Without dependencies: the lock file is complete, and whatever it lacks must fail here.
RUN /opt/arloji/bin/pip install --require-hashes --no-deps --only-binary :all: \
        --requirement /tmp/services.txt \
 && /opt/arloji/bin/python -m compileall -q /opt/arloji/lib \
 && /opt/arloji/bin/pip uninstall --yes --quiet pip

FROM $PYTHON_IMAGE AS code
WORKDIR /app
COPY contracts contracts
COPY servicekit servicekit
COPY database database
COPY housekeeping housekeeping
COPY bootstrap bootstrap
COPY services services
COPY watch_faces watch_faces
COPY alert_page alert_page
RUN python -m compileall -q .

FROM $PYTHON_IMAGE AS housekeeping-dependencies
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements/housekeeping.txt /tmp/housekeeping.txt
# Of the descriptions of every service of AWS those that backups need: of the store, and of what
# gives out credentials.
RUN python -m pip install --require-hashes --no-deps --only-binary :all: \
        --target /opt/housekeeping --requirement /tmp/housekeeping.txt \
 && find /opt/housekeeping/botocore/data -mindepth 1 -maxdepth 1 -type d \
        ! -name s3 ! -name sts ! -name sso ! -name sso-oidc ! -name signin -exec rm -r {} + \
 && python -m compileall -q /opt/housekeeping

FROM $PYTHON_IMAGE AS load-dependencies
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/load
COPY requirements/load.txt /tmp/load.txt
RUN /opt/load/bin/pip install --require-hashes --no-deps --only-binary :all: \
        --requirement /tmp/load.txt \
 && /opt/load/bin/python -m compileall -q /opt/load/lib \
 && /opt/load/bin/pip uninstall --yes --quiet pip

FROM $PYTHON_IMAGE AS load
LABEL arloji.image=load \
      org.opencontainers.image.title="Arloji load" \
      org.opencontainers.image.description="Locust with the load scenarios of the watch shop" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=load-dependencies /opt/load /opt/load
COPY loadtest /app/loadtest
# A new volume takes its owner from here.
RUN python -m compileall -q /app && install -d -o 10001 -g 10001 /results
WORKDIR /app
ENV PATH=/opt/load/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LOCUST_LOCUSTFILE=loadtest/locustfile.py
USER 10001:10001
CMD ["python", "-m", "locust", "--headless"]

# With the libraries that each was linked to, the loader included: the service image is of another
# distribution.
FROM $MYSQL_IMAGE AS mysql-programs
USER 0
COPY housekeeping/gather-programs.sh /tmp/
RUN ["bash", "/tmp/gather-programs.sh", "/opt/mysql", "mysqld", "mysqldump", "mysql", "mysqlbinlog"]

FROM $GO_IMAGE AS supercronic
WORKDIR /src
COPY housekeeping/supercronic .
ENV CGO_ENABLED=0 GOTOOLCHAIN=local
RUN version=$(go list -mod=readonly -m -f '{{.Version}}' github.com/aptible/supercronic) \
 && go build -mod=readonly -trimpath -ldflags "-s -w -X main.Version=$version" \
        -o /supercronic github.com/aptible/supercronic

FROM $PYTHON_IMAGE AS service
COPY --from=dependencies /opt/arloji /opt/arloji
COPY --from=code /app /app
WORKDIR /app
# Byte-code is in the image; a read-only root has no place for more.
ENV PATH=/opt/arloji/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN PYTHONDONTWRITEBYTECODE= python -m services.frontend.templates_compiled
USER 10001:10001
HEALTHCHECK --interval=5s --timeout=3s --retries=6 CMD ["python", "-m", "servicekit.probes"]
CMD ["python", "-m", "services.frontend"]
# Last, as it changes with each release and none of the above does.
ARG VERSION=local
ENV OTEL_RESOURCE_ATTRIBUTES=service.version=$VERSION
LABEL arloji.image=service \
      org.opencontainers.image.title="Arloji" \
      org.opencontainers.image.description="The services of a watch shop: reliable orders, connected telemetry" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"

# What its commands need beyond the services': clients and a server of MySQL, encryption, what rotates
# log files, and a cron. Not on top of the service image, or each change of code would install it anew.
FROM $PYTHON_IMAGE AS housekeeping
RUN apt-get update -q \
 && apt-get install -y -q --no-install-recommends age gnupg logrotate zstd \
 && rm -rf /var/lib/apt/lists/* \
# A new volume takes its owner from here.
 && install -d -o 10001 -g 10001 -m 700 /var/lib/arloji/backups
COPY --from=mysql-programs /opt/mysql /opt/mysql
COPY --from=supercronic /supercronic /usr/local/bin/
COPY --from=housekeeping-dependencies /opt/housekeeping /opt/housekeeping
COPY --from=dependencies /opt/arloji /opt/arloji
COPY --from=code /app /app
WORKDIR /app
ENV PATH=/opt/arloji/bin:/opt/mysql/bin:$PATH \
    PYTHONPATH=/opt/housekeeping \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
# No HEALTHCHECK: a job, or a cron that ends with its container; neither answers anybody.
ENTRYPOINT ["python", "-m", "housekeeping"]
CMD ["--help"]
ARG VERSION=local
ENV OTEL_RESOURCE_ATTRIBUTES=service.version=$VERSION
LABEL arloji.image=housekeeping \
      org.opencontainers.image.title="Arloji housekeeping" \
      org.opencontainers.image.description="Backups, restore drills and the other work around the shop" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
