"""Answers: from a question to a verdict with the evidence for it.

`answer` runs the steps: plan, gather, assemble, verify; the verdict is the one that the offline
verifier gives. `inputs` lists what they read, and what other chapters know that limits a verdict.
"""

from vitne.services.answers.answer import AnsweredQuestion, Answers
from vitne.services.answers.coverage_statement import MEANS
from vitne.services.answers.inputs import FactSources
from vitne.services.answers.source_summaries import SourceSummaries
