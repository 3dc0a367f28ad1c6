"""Server-rendered pages: sign-in, and the page that is shown while a viewer starts.

The gateway and `server` show them. No build step, no outside address, usable without JavaScript.
"""
