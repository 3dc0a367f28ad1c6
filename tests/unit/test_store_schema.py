"""The schema's newest step, which starts compare with before they load Alembic."""

import subprocess
import sys
from pathlib import Path

from alembic.script import ScriptDirectory

from belvedere.store import migrations
from belvedere.store.migrations.schema import HEAD


def test_the_head_that_starts_compare_with_is_the_newest_step() -> None:
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert script.get_current_head() == HEAD


def test_a_start_on_a_current_schema_does_without_alembic(tmp_path: Path) -> None:
    opens = "import sys, belvedere.cli.serve as s; from belvedere.store.opening import open_store as o; o({!r}).close()"
    code = opens.format(str(tmp_path / "belvedere.db")) + "; print('alembic' in sys.modules)"
    told = [subprocess.check_output([sys.executable, "-c", code], text=True) for _ in range(2)]
    assert told == ["True\n", "False\n"]
