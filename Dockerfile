# Limn in one container: docker build -t limn . && docker run -p 8080:8080 -v limn-data:/data limn

# The native packages (lmdb, uWebSockets.js) ship binaries for glibc: a Debian base, not Alpine.
FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts \
 && find node_modules/uWebSockets.js -name '*.node' \
      ! -name "uws_linux_$(node -p 'process.arch')_$(node -p 'process.versions.modules').node" -delete

FROM node:20-bookworm-slim
ENV NODE_ENV=production \
    LIMN_SERVER_HOST=0.0.0.0 \
    LIMN_STORAGE_DIR=/data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/config ./config
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:'+(process.env.LIMN_SERVER_PORT||8080)+'/readyz').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"]
# SIGTERM drains: no new events, everything accepted durable and checkpointed, then exit 0.
STOPSIGNAL SIGTERM
CMD ["node", "dist/src/cli/limn.js", "serve"]
