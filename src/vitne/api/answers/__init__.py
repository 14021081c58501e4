"""`POST /v1/answers`: questions, and answers with their bundles.

`ask` takes the question, `answer` shows the result.
"""
