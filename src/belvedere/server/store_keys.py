"""The keys that log stores' secrets are sealed with: from the settings, else drawn once and kept beside the data."""

import os
from pathlib import Path
from typing import Final

from belvedere.server.settings import Settings, SettingsError
from belvedere.store.sealing import Sealer, new_key

FILE: Final = "store.key"


def open_sealer(settings: Settings, data: Path) -> Sealer:
    """The sealer for this service's secrets. Raises SettingsError for keys that can't be read or aren't any."""
    where, keys = _keys(settings, data)
    if not keys:
        raise SettingsError(f"{where} holds no key. Put one there: `openssl rand -base64 32` makes it.")
    try:
        return Sealer(keys)
    except ValueError as error:
        raise SettingsError(f"{where}: {error}. `openssl rand -base64 32` makes one.") from error


def _keys(settings: Settings, data: Path) -> tuple[str, list[str]]:
    """Where they are, and the keys: one on a line, or between commas in the variable; the first one seals."""
    if settings.store_key:
        return "store_key", [key.strip() for key in settings.store_key.split(",") if key.strip()]
    path = Path(settings.store_key_file).expanduser() if settings.store_key_file else data / FILE
    if not settings.store_key_file and not path.exists():
        _write_private(path, new_key())
    try:
        return str(path), path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The key file {path} can't be read: {error}.") from error


def _write_private(path: Path, key: str) -> None:
    """Whole or not at all, and never for others to read."""
    temporary = path.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{key}\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
