"""Commands for a terminal, whole and quoted, so that they can be pasted as they stand. Pure."""

import json
import shlex
from typing import Final

from belvedere.console.rules import ConsoleRules

_PRINT_TOKEN: Final = """python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["token"])'"""  # noqa: S105 - a command
_TOKEN: Final = "$BELVEDERE_TOKEN"  # noqa: S105 - a variable


def create_command(rules: ConsoleRules, project_id: str) -> str:
    """Make a first job by the command line."""
    url = shlex.quote(rules.example_logs)
    return f"belvedere job create run-1 --train-url {url} --wait --open {_where(rules, project_id)}"


def create_by_curl(rules: ConsoleRules, project_id: str) -> str:
    """Make a first job with nothing but curl."""
    body = shlex.quote(json.dumps({"job_name": "run-1", "train_url": rules.example_logs}))
    bootstrap = shlex.quote(f"{rules.data_folder}/bootstrap.json")
    token = f"$({_PRINT_TOKEN} {bootstrap})" if project_id == rules.first_project else _TOKEN
    return (
        f"token={token}\n"
        f"curl -X POST {rules.public_origin}/v1/{project_id}/visualization-jobs \\\n"
        f'  -H "X-Auth-Token: $token" -H "Content-Type: application/json" \\\n'
        f"  -d {body}"
    )


def logs_command(rules: ConsoleRules, project_id: str, job_id: int) -> str:
    """Print a job's last lines, and those that follow."""
    return f"belvedere job logs {job_id} --follow {_where(rules, project_id)}"


def list_command(rules: ConsoleRules, project_id: str) -> str:
    """List all jobs."""
    return f"belvedere job list {_where(rules, project_id)}"


def _where(rules: ConsoleRules, project_id: str) -> str:
    """The token of bootstrap.json is for one project; for another one there has to be a token in the environment."""
    if project_id == rules.first_project:
        return f"--data {shlex.quote(rules.data_folder)}"
    return f"--endpoint {rules.public_origin} --project {project_id}"
