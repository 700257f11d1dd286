"""For probes and scrapers: /healthz, /readyz, /metrics, and what they show."""
