"""docs/ what the handbook says is so; unit/ pure and in-process; contract/ one suite per port; integration/ real stores; dags/ Airflow; e2e/ the product."""
