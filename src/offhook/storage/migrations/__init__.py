"""How the tables came to be what they are, step by step: alembic's scripts, run by `upgrade`.

A step that a released version has taken is never edited; a new one follows it.
"""

__all__: list[str] = []
