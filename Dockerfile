# One image for every app; the command says which one runs.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY . .
RUN node scripts/build.mjs \
 && npx -y pnpm@12.21.0 install --frozen-lockfile --prod --offline \
 && find apps libs -name src -type d -prune -exec rm -rf {} +

FROM node:24-bookworm-slim
ENV NODE_ENV=production MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=131072
WORKDIR /app
COPY --from=build --chown=root:root /app /app
USER node
CMD ["node", "--always-sparkplug", "apps/catalog/dist/main.js"]
