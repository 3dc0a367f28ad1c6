"""How much to measure: enough for good figures, or just enough to see that everything works."""

import msgspec


class Effort(msgspec.Struct, frozen=True, kw_only=True):
    """Chosen on the command line."""

    quick: bool = False

    def of(self, full: int, quick: int) -> int:
        """How many."""
        return quick if self.quick else full
