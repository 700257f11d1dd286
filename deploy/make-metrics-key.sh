#!/usr/bin/env bash
# Creates the API key with which Prometheus reads /metrics, and puts it where docker-compose.yml expects it. The app must run.
set -euo pipefail
cd "$(dirname "$0")/.."

umask 077
mkdir -p secrets
key=$(docker compose exec -T app ragloop keys create prometheus --role review --json |
  sed -n 's/^ *"key": "\(.*\)",\?$/\1/p')
[ -n "$key" ] || { echo "make-metrics-key.sh: the app made no key; its message stands above." >&2; exit 1; }
printf '%s' "$key" >secrets/metrics-key
chmod 644 secrets/metrics-key # the folder is closed; Prometheus's own user reads the file in its container
echo "secrets/metrics-key is there: docker compose --profile monitoring up --detach"
