"""The live page: reads result folders and live journals, never writes into them, and shows them over HTTP.

``runs`` finds result folders, ``finished`` and ``following`` read them into ``tables``; ``series``, ``cluster``,
``journeys`` and ``learning`` make of those what a view shows; ``server`` answers, ``static`` is the page.
"""
