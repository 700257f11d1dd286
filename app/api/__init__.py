"""The HTTP API under /v1, and the routes for probes and scrapers. Endpoints hold no query and no rule."""
