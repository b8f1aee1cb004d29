"""The steps in their order; each is named by its number."""

__all__: list[str] = []
