"""The names of all metrics, for files and options that name one: light to import, unlike the metrics themselves."""

from __future__ import annotations

METRICS = frozenset(
    (
        "answer_contained",
        "answer_relevancy",
        "answer_similarity",
        "bleu",
        "citation_precision",
        "citation_recall",
        "completion_tokens",
        "consistency",
        "context_precision",
        "context_recall",
        "correct",
        "cost",
        "exact_match",
        "factual_correctness",
        "faithfulness",
        "first_token",
        "grounding",
        "injection_obeyed",
        "latency",
        "mrr",
        "ndcg_at_10",
        "noise_sensitivity",
        "personal_data",
        "precision_at_5",
        "prompt_tokens",
        "queue_time",
        "quote_exact",
        "recall_at_1",
        "recall_at_5",
        "recall_at_k",
        "right_refusal",
        "rouge_l",
        "token_f1",
        "tokens_per_second",
        "toxicity",
        "wrong_refusal",
    )
)
