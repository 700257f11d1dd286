"""The pages: rendered on the server, complete without scripts, with nothing loaded from elsewhere."""
