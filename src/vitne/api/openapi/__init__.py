"""The OpenAPI document, made from the routes and the table of problems.

`document` assembles it; `problems` says which error each route may answer.
"""
