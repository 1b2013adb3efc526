"""What runs on an edge host: an HTTP server, engines that run fragments, their forwarding and their migration.

The server imports no torch: it takes 50 MB and idles. Each fragment runs in a process or a container of its own
(``runtime.py``), in a folder (``workspace.py``) that holds all that it needs, so that the folder can be moved.
"""
