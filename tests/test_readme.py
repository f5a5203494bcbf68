"""What the README claims in names is what the code has."""

import re

from support import ROOT

from alexnet_keras.cli.main import main

README = (ROOT / "README.md").read_text()


def test_it_is_a_front_page():
    assert len(README.splitlines()) <= 150


def test_every_command_is_in_the_table():
    assert set(re.findall(r"^\| `alexnet-keras (\w+) ", README, re.MULTILINE)) == set(main.commands)


def test_the_test_command_is_the_one_that_ci_runs():
    command = "python3 -m pip install '.[test]' && python3 -m pytest -n 2 --dist worksteal"
    assert f"<!-- test command -->\n```bash\n{command}\n```" in README
    assert "'/^<!-- test command -->$/" in (ROOT / ".ci" / "run").read_text()


def test_the_python_example_is_that_of_colab():
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    tutorial = (ROOT / "docs" / "tutorials" / "colab.md").read_text()
    assert example.replace("epochs=10", "epochs=2") in tutorial
