"""An answer at the edge: asked for a request, shown as JSON or text, its citations placed, votes on it taken."""
