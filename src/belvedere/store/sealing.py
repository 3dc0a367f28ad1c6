"""Secrets at rest: encrypted, so that a copy of the database alone opens no object store."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class Sealer:
    """Encrypts with the first of its keys, and decrypts with any: so keys are changed by putting a new one in front."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Keys of 32 bytes in base64. Raises ValueError, whose text does not hold them."""
        try:
            fernets = [Fernet(key) for key in keys]
        except ValueError as error:
            raise ValueError("a key must be 32 bytes in base64: 44 characters") from error
        self._first = fernets[0]
        self._all = MultiFernet(fernets)

    def seal(self, secret: str) -> str:
        """The secret, encrypted and authenticated."""
        return self._first.encrypt(secret.encode()).decode("ascii")

    def open(self, sealed: str) -> str | None:
        """The secret, or None if none of the keys sealed it."""
        try:
            return self._all.decrypt(sealed.encode()).decode()
        except InvalidToken:
            return None

    def renewed(self, sealed: str) -> str | None:
        """The same secret sealed with the first key; None if it is so already, or can't be opened."""
        try:
            self._first.decrypt(sealed.encode())
        except InvalidToken:
            secret = self.open(sealed)
            return None if secret is None else self.seal(secret)
        return None


def new_key() -> str:
    """A key, drawn at random."""
    return Fernet.generate_key().decode("ascii")
