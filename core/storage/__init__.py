"""The SQL database: tables, migrations, and one repository per aggregate. The only place that holds SQL."""
