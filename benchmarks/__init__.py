"""Measurements of offhook against its budgets and against Kamailio in the same run; started by
`run.py`, never by the tests.
"""

__all__: list[str] = []
