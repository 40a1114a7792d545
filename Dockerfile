# Does what `make run` does, as a user without privileges:
#
#   docker build -t secfpp .
#   docker run --rm secfpp
#   docker run --rm -v "$PWD/runs:/home/secfpp/app/runs" secfpp make run ARGS="--seeds 3"
#
# A folder mounted at runs/ must be writable by uid 1000. Another package index, such as one with
# CPU-only wheels of torch, is passed with --build-arg PIP_EXTRA_INDEX_URL=...
FROM python:3.11-slim

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 secfpp \
    && install --directory --owner=secfpp --group=secfpp /home/secfpp/app /home/secfpp/app/runs

USER secfpp
WORKDIR /home/secfpp/app
COPY --chown=secfpp:secfpp . .

ARG PIP_EXTRA_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1
RUN make install

CMD ["make", "run"]
