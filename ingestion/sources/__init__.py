"""Where documents come from: a folder, or any LlamaIndex reader."""
