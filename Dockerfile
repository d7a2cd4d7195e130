# Limn in one container: docker build -t limn . && docker run -p 8080:8080 -v limn-data:/data limn

# The native packages (lmdb, uWebSockets.js) ship binaries for glibc: a Debian base, not Alpine.
FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts
# Packages ship binaries for every platform and bundles for every loader: what this Node does not
# load is left out. Debug files go too.
RUN abi="$(node -p 'process.versions.modules')" arch="$(node -p 'process.arch')" \
 && find node_modules/uWebSockets.js -name '*.node' ! -name "uws_linux_${arch}_${abi}.node" -delete \
 && find node_modules/@lmdb -name '*.node' \
      ! -name "node.abi${abi}.glibc.node" ! -name 'node.napi.glibc.node' -delete \
 && find node_modules/@tensorflow -type f \
      ! -name '*.node.js' ! -name '*.wasm' ! -name package.json ! -name 'LICENSE*' -delete \
 && find node_modules dist \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' \) -delete \
 && find node_modules -type d -empty -delete

FROM node:20-bookworm-slim
ENV NODE_ENV=production \
    LIMN_SERVER_HOST=0.0.0.0 \
    LIMN_STORAGE_DIR=/data
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/config ./config
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:'+(process.env.LIMN_SERVER_PORT||8080)+'/readyz').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"]
# SIGTERM drains: no new events, everything accepted durable and checkpointed, then exit 0. Draining
# may take server.drainSeconds (10) and the checkpoint: give it time, as with docker stop -t 60.
STOPSIGNAL SIGTERM
CMD ["node", "dist/src/cli/limn.js", "serve"]
