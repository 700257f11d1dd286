"""What is measured: one module for each family of metrics, `catalogue.py` lists them all."""
