"""Teaching the model that answers: training rows, tuning by SFT and DPO, and the adapter that comes of it.

The only place that may import torch, transformers, trl and peft. Modules that do are imported by the functions that
need them, so that nothing else waits for them.
"""
