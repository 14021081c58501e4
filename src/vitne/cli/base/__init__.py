"""What all commands share: the application, output, the HTTP client, and files of keys.

`app` maps errors to exit statuses, `output` prints tables and JSON.
"""
