"""Public research sets turned into RAGLoop's own JSONL: one module per format, each a function from a path to what was
read. `python -m tools.importers --help` lists them."""
