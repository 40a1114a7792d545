# syntax=docker/dockerfile:1
# Images of the roles, by target. Each is smaller than the next, which is built upon it:
#
#   docker build --target dealer -t secfpp-dealer .    no torch, no CrypTen; also for mpc.Owner
#   docker build --target party -t secfpp-party .      CrypTen, and so torch
#   docker build --target client -t secfpp-client .    clients, the server, and all other verbs
#   docker build -t secfpp .                           `docker run --rm secfpp` does `make run`
#
# PyPI's torch for x86-64 brings CUDA. An index that has CPU wheels of the same version makes images
# of a tenth of the size; TORCH=cpu or TORCH=cuda ends the build if torch is the other one:
#
#   docker build --target party --build-arg TORCH=cpu --build-arg PIP_EXTRA_INDEX_URL=... .
#
# Versions are those of requirements/lock.txt. All images run as uid 1000, need no writable folder
# but /var/lib/secfpp and /tmp, and are used by deploy/compose.yaml and deploy/kubernetes.
ARG PYTHON=python:3.11-slim

FROM ${PYTHON} AS base
ENV PATH=/opt/secfpp/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1
RUN python3 -m venv /opt/secfpp \
    && groupadd --gid 1000 secfpp \
    && useradd --create-home --uid 1000 --gid 1000 secfpp \
    && install --directory --owner=1000 --group=1000 --mode=0700 /var/lib/secfpp
ARG PIP_EXTRA_INDEX_URL

FROM base AS wheel
WORKDIR /checkout
COPY . .
ENV PIP_CONSTRAINT=requirements/lock.txt PIP_BUILD_CONSTRAINT=requirements/lock.txt
RUN pip wheel --no-deps --wheel-dir /wheels .

FROM base AS pinned
COPY requirements /requirements

FROM pinned AS dealer
RUN pip install --constraint /requirements/lock.txt --requirement /requirements/dealer.txt
COPY --from=wheel /wheels /wheels
RUN pip install --no-deps /wheels/*.whl
COPY deploy/probe.py /opt/secfpp/probe.py
WORKDIR /var/lib/secfpp
USER 1000:1000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-I", "/opt/secfpp/probe.py"]
ENTRYPOINT ["secfpp"]
CMD ["dealer", "--help"]

FROM pinned AS torch
RUN pip install --constraint /requirements/lock.txt --requirement /requirements/party.txt \
    && pip install --constraint /requirements/lock.txt --no-deps crypten
ARG TORCH=
RUN python -c "import sys, torch; found = 'cuda' if torch.version.cuda else 'cpu'; \
    sys.exit(sys.argv[1] not in ('', found) and f'torch is built for {found}')" "${TORCH}"

FROM torch AS party
COPY --from=wheel /wheels /wheels
RUN pip install --no-deps /wheels/*.whl
COPY deploy/probe.py /opt/secfpp/probe.py
WORKDIR /var/lib/secfpp
USER 1000:1000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-I", "/opt/secfpp/probe.py"]
ENTRYPOINT ["secfpp"]
CMD ["party", "--help"]

FROM torch AS client
COPY pyproject.toml /requirements/
RUN python -c "import tomllib; \
    print(*tomllib.load(open('/requirements/pyproject.toml', 'rb'))['project']['dependencies'], \
    sep='\n')" > /requirements/all.txt \
    && pip install --constraint /requirements/lock.txt --requirement /requirements/all.txt
COPY --from=wheel /wheels /wheels
RUN pip install --no-deps /wheels/*.whl
COPY deploy/probe.py /opt/secfpp/probe.py
WORKDIR /var/lib/secfpp
USER 1000:1000
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-I", "/opt/secfpp/probe.py"]
ENTRYPOINT ["secfpp"]
CMD ["--help"]

# A folder mounted at runs/ must be writable by uid 1000:
#   docker run --rm -v "$PWD/runs:/home/secfpp/app/runs" secfpp make run ARGS="--seeds 3"
FROM client AS simulation
USER 0
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /home/secfpp/app
COPY Makefile pyproject.toml ./
RUN ln -s /opt/secfpp .venv && touch .venv/.installed \
    && install --directory --owner=1000 --group=1000 runs
USER 1000:1000
HEALTHCHECK NONE
ENTRYPOINT []
CMD ["make", "run"]
