FROM python:3.13-slim

# A layer of their own: a change of the code leaves it as it is.
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
    --require-hashes --only-binary :all: --requirement /tmp/requirements.lock

RUN useradd --uid 1000 --create-home sigid && install --directory --owner=sigid --group=sigid --mode=700 /build

WORKDIR /app
COPY pyproject.toml dodo.py ./
COPY sigid sigid
COPY tasks tasks
COPY datasets /datasets
# A clone that was made under umask 077 is closed to other users.
RUN chmod --recursive u=rwX,go=rX /app /datasets

ENV PYTHONPATH=/app SIGID_DATASETS=/datasets SIGID_BUILD=/build
VOLUME /datasets /build
USER 1000:1000
# What Ctrl-C sends; the first process of a container does not hear SIGTERM.
STOPSIGNAL SIGINT
ENTRYPOINT ["doit"]
CMD ["list"]
