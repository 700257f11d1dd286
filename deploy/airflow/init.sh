#!/usr/bin/env bash
# Brings Airflow's database up to date, and writes the one account of its web page.
set -euo pipefail

airflow db migrate
umask 077
python -c 'import json, os; print(json.dumps({"admin": os.environ["AIRFLOW_PASSWORD"]}))' \
  >"$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
