# kable-bulk in a small image: a static binary, the certificates of authorities, time zones.
# docs/install.md says how it is built and run.

FROM rust:1.95-alpine AS build
RUN apk add --no-cache make musl-dev
WORKDIR /src
COPY . .
# The commit and its date for --version: .git is not copied.
ARG BUILD_COMMIT=
RUN cargo build --release --locked --bin kable-bulk

# A shell is in it for --notify-command.
FROM alpine:3
RUN apk add --no-cache ca-certificates tzdata
COPY --from=build /src/target/release/kable-bulk /usr/local/bin/kable-bulk
# A number and not a name: Kubernetes proves by it that this is not root.
USER 10001:10001
# Inputs, checkpoints and results; nothing is written elsewhere.
WORKDIR /data
VOLUME /data
ENTRYPOINT ["kable-bulk"]
CMD ["--help"]
