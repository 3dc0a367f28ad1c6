"""One application of TensorBoard's for all paths that viewers are served below."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json
from belvedere.viewers.tensorboard import without
if {anew}:
    without.has_plug_ins = lambda: True
from werkzeug.test import Client
from belvedere.viewers.tensorboard import webapp

webapp.prepare()
answers = []
for moved_to in ("/a/b", "/c"):
    client = Client(webapp.fast_app(moved_to))
    for path in ("/a/b", "/c"):
        board = client.get(f"{{path}}/experiment/x/")
        answers.append((board.status_code, b'content="../../"' in board.data[:200]))
print(json.dumps(answers))
"""


@pytest.mark.parametrize("anew", [False, True], ids=["as-it-comes", "with-a-stranger's-plug-in"])
def test_a_prepared_application_answers_below_the_last_path_it_was_asked_for_and_no_other(anew: bool) -> None:
    script = SCRIPT.format(anew=anew)
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    assert json.loads(run.stdout) == [[200, True], [404, False], [404, False], [200, True]]
