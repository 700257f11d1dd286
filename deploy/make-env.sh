#!/usr/bin/env bash
# Writes .env for docker-compose.yml: .env.example with a fresh secret behind every variable that needs one.
# An .env that is there is kept; variables that it lacks are added, so it may be run again after an upgrade.
set -euo pipefail
cd "$(dirname "$0")/.."

fresh() { # Letters and digits only: some of them become part of a URL. Airflow's key has a form of its own.
  case $1 in
    AIRFLOW_FERNET_KEY) head -c 32 /dev/urandom | base64 | tr '+/' '-_' ;;
    *) head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' ;;
  esac
}

umask 077
touch .env
added=0
while IFS= read -r line; do
  name=${line%%=*}
  if [[ $line =~ ^[A-Z_]+=$ ]] && ! grep -q "^$name=." .env; then
    sed -i "/^$name=\$/d" .env
    echo "$name=$(fresh "$name")" >>.env
    added=$((added + 1))
  fi
done <.env.example
echo ".env has $added new secrets. Keep it safe: the data cannot be read without it."
