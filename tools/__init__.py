"""What maintainers run: the offline fits, the small model, importers of research sets, the demo, the walk-through.

Not in the wheel. May import every package; none may import it.
"""
