#!/usr/bin/env bash
# Run once by PostgreSQL's image, on an empty volume: a database and an owner for each that keeps records in it.
set -euo pipefail

create() {
  psql --username "${POSTGRES_USER:-postgres}" --set ON_ERROR_STOP=1 --quiet \
    --set owner="$1" --set password="$2" <<'SQL'
CREATE ROLE :"owner" LOGIN PASSWORD :'password';
CREATE DATABASE :"owner" OWNER :"owner";
REVOKE CONNECT ON DATABASE :"owner" FROM PUBLIC;
SQL
}

create ragloop "$RAGLOOP_PASSWORD"
create airflow "$AIRFLOW_PASSWORD"
create mlflow "$MLFLOW_PASSWORD"
