"""Who is asking: projects, tokens, browser sessions and one-time tickets.

The API and the gateway ask it. It keeps digests only, never a token, and knows nothing of HTTP, but for asking an
OpenID provider.
"""
