"""Subjects, their sites, and everything that runs them."""

from vulnscope.models.score import BackOff, BatchPlan, PromptScores, ScoreRequest, plan_batches, score, score_batch
from vulnscope.models.subject import Subject, open_subject

__all__ = [
    "BackOff",
    "BatchPlan",
    "PromptScores",
    "ScoreRequest",
    "Subject",
    "open_subject",
    "plan_batches",
    "score",
    "score_batch",
]
