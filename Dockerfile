# `docker build .` builds the drainer, `docker build --target simulator .` the simulated AWS for local runs.
#
# Base images are pinned by tag. To pin one by digest as well, append the digest to its tag:
#   FROM gcr.io/distroless/nodejs24-debian13:nonroot@sha256:<64 hex digits>
# `docker buildx imagetools inspect IMAGE` prints the digest, which covers all architectures.

# The bundle is the same on every architecture, so it is built on the architecture of the builder.
FROM --platform=$BUILDPLATFORM docker.io/library/node:24-trixie-slim AS build
WORKDIR /project
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY app app
COPY scripts/build/build.ts scripts/build/inputs.ts scripts/build/plugins.ts scripts/build/
RUN node scripts/build/build.ts


FROM build AS simulated
COPY scripts/build/simulator.ts scripts/build/simulator.ts
COPY test/simulator test/simulator
RUN node scripts/build/simulator.ts


FROM gcr.io/distroless/nodejs24-debian13:nonroot AS simulator
LABEL org.opencontainers.image.title="fargate-node-drainer-simulator" \
      org.opencontainers.image.description="Simulated Auto Scaling, EC2, ECS, EKS, S3 and STS, for local runs of fargate-node-drainer." \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=simulated /project/dist/simulator.mjs /app/simulator.mjs
EXPOSE 4566
ENTRYPOINT ["/nodejs/bin/node", "/app/simulator.mjs"]


# Fills the compile cache of Node. The cache is valid only for the same Node version, flags, user and path, so it is filled in
# the image of the drainer, not in the build stage.
FROM gcr.io/distroless/nodejs24-debian13:nonroot AS compiled
COPY --from=build /project/dist/main.mjs /app/main.mjs
ENV NODE_COMPILE_CACHE=/tmp/compiled
RUN ["/nodejs/bin/node", "--max-semi-space-size=4", "/app/main.mjs", "--version"]


FROM gcr.io/distroless/nodejs24-debian13:nonroot AS drainer
LABEL org.opencontainers.image.title="fargate-node-drainer" \
      org.opencontainers.image.description="Drains the Kubernetes node of an EC2 instance that its Auto Scaling group is terminating." \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /project/dist/main.mjs /app/main.mjs
COPY --from=compiled --chmod=555 /tmp/compiled /app/compiled
ENV NODE_COMPILE_CACHE=/app/compiled
# Without a shell, so that SIGTERM reaches the drainer. The semi-space for new objects, which Node grows to 64 MB, stays small:
# most objects of a drain are short-lived.
ENTRYPOINT ["/nodejs/bin/node", "--max-semi-space-size=4", "/app/main.mjs"]
CMD ["drain"]
