#!/usr/bin/env bash
# Run once by PostgreSQL's image, on an empty volume: a database and an owner for each that keeps records in it.
set -euo pipefail

create() { # The password comes by the environment, so that it stands in no list of processes.
  PASSWORD=$2 psql --username "${POSTGRES_USER:-postgres}" --set ON_ERROR_STOP=1 --quiet --set owner="$1" <<'SQL'
\getenv password PASSWORD
CREATE ROLE :"owner" LOGIN PASSWORD :'password';
CREATE DATABASE :"owner" OWNER :"owner";
REVOKE CONNECT ON DATABASE :"owner" FROM PUBLIC;
SQL
}

create ragloop "$RAGLOOP_PASSWORD"
create airflow "$AIRFLOW_PASSWORD"
create mlflow "$MLFLOW_PASSWORD"
