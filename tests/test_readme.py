"""What the README claims in numbers and names is what the code has."""

import re
from pathlib import Path

from alexnet_keras.cli import info
from alexnet_keras.cli.main import main
from alexnet_keras.config import citations
from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.model.summary import totals

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_table_of_variants_is_the_generated_one(summaries):
    table = info.table([citations.row(spec, *totals(summaries[name])) for name, spec in ARCHITECTURES.items()])
    assert f"\n\n{table}\n\n" in README


def test_every_command_is_in_the_table():
    assert {name for name in main.commands if f"| `alexnet-keras {name} " in README} == set(main.commands)


def test_the_test_command_is_the_one_that_ci_runs():
    assert "<!-- test command -->\n```bash\npython3 -m pip install '.[test]' && python3 -m pytest\n```" in README
    assert "'/^<!-- test command -->$/" in (ROOT / ".ci" / "run").read_text()


def test_the_python_example_runs_up_to_fit(folder):
    (code,) = [code for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "model.fit" in code]
    lines = [line for line in code.splitlines() if not line.startswith("model.fit")]
    names: dict[str, object] = {}
    exec("\n".join(lines).replace('"shapes"', repr(str(folder))).replace("classes=10", "classes=3"), names)
    assert names["model"].output_shape == (None, 3)
