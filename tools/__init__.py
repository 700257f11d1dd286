"""What maintainers run: offline fits, the small model, the reader's recipe, importers of research sets, the demo, the
walk-through.

Not in the wheel. May import every package; none may import it.
"""
