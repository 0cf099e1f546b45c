# Restores the photos of a mounted folder on the CPU, as a user without privileges:
#
#   docker build --tag egnet-tf .
#   docker run --rm --user "$(id -u):$(id -g)" --network none \
#     --volume "$PWD/photos:/photos" egnet-tf
#
# The results are in photos/restored. What follows the name of the image replaces the
# flags, as in `... egnet-tf deblur /photos/one.jpg --overwrite`. docs/install.md says
# what this was checked with.

# Of the workers below; that of the launching machine is to be the same.
ARG BEAM=2.77.0

FROM python:3.13-slim-bookworm AS build

WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY egnet_tf egnet_tf
COPY export export
RUN python -m venv /opt/egnet \
    && /opt/egnet/bin/pip install --no-cache-dir --disable-pip-version-check . \
    && /opt/egnet/bin/python -m pip uninstall --yes pip

# The workers of `egnet deblur_many` on Dataflow, Flink and other runners of Beam:
#
#   docker build --target worker --tag REGISTRY/egnet-tf-worker .
FROM apache/beam_python3.13_sdk:${BEAM} AS beam

FROM python:3.13-slim-bookworm AS worker

ARG BEAM
COPY --from=build /source /source
RUN python -m venv /opt/egnet \
    && /opt/egnet/bin/pip install --no-cache-dir --disable-pip-version-check \
        "/source[beam,video]" "apache-beam==${BEAM}"
COPY --from=beam /opt/apache/beam /opt/apache/beam
ENV PATH=/opt/egnet/bin:$PATH RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1
RUN useradd --uid 1000 --create-home --shell /usr/sbin/nologin egnet
USER 1000
ENTRYPOINT ["/opt/apache/beam/boot"]

FROM python:3.13-slim-bookworm

COPY --from=build /opt/egnet /opt/egnet
RUN useradd --uid 1000 --no-create-home --shell /usr/sbin/nologin egnet
USER 1000
WORKDIR /photos
ENTRYPOINT ["/opt/egnet/bin/egnet"]
CMD ["deblur", "/photos", "--output=/photos/restored", "--skip_existing"]
