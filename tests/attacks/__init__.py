"""Named attacks, each of which fails.

A family is one module and one table in it: the name says the attack, the value is what is sent, and the test under the
table says what must not come of it. A new attack is a new line.
"""
