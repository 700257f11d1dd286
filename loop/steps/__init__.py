"""The steps of the DAGs, one module for each, named as its DAG: functions of plain values, one call, one process.

Nothing here knows Airflow. The files in dags/ only wire: they hand a step what it is to work on and pass on what it
returns. What a step does is the work of the layers below; here it is opened, called and closed again.
"""
