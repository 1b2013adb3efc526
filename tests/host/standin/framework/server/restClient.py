def HandleRequest(payload, host, framework):
    """There are no agents: tests put their own function here."""
    return {"server_error": "no agent at " + host}
