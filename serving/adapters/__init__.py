"""LoRA adapters: the folder that keeps them, what is refused, and every model server told of them.

May import retrieval (its durable files and locks) and core.
"""
