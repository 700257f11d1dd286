"""Turning text into unit vectors: where a model lies, and the two runtimes that can run it.

`openvino_embedder` is the default and needs neither torch nor transformers at run time; `sentence_transformer_embedder`
runs on GPUs and runs models the converter does not know. Both give interchangeable vectors.
"""
