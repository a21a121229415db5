# docker build --tag diarize-stream . && docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/data" diarize-stream talk.mp4 -o talk.srt

FROM debian:trixie-slim AS build
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates nodejs npm
COPY . /source
WORKDIR /source
RUN npm ci --ignore-scripts
RUN mkdir /packed && npm pack --workspaces --include-workspace-root --pack-destination /packed
RUN npm install --prefix /app --omit=dev --ignore-scripts /packed/*.tgz

FROM debian:trixie-slim
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates ffmpeg nodejs && rm -rf /var/lib/apt/lists/*
COPY --from=build /app /app
ENV PATH="/app/node_modules/.bin:$PATH"
WORKDIR /data
USER 1000
ENTRYPOINT ["diarize-stream"]
