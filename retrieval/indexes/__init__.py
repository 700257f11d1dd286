"""Two vector indexes with one schema: embedded (Qdrant Edge) and a Qdrant server."""
