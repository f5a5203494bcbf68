"""The changelog names modules and options that exist."""

import re

from support import ROOT

TABLE = re.compile(r"\| old module \| new module \|\n\| --- \| --- \|\n(.*?)\n\n", re.DOTALL)


def test_every_new_module_exists():
    (rows,) = TABLE.findall((ROOT / "CHANGELOG.md").read_text())
    for row in rows.splitlines():
        for module in re.findall(r"`([\w.]+)`", row.split("|")[2]):
            path = ROOT / "alexnet_keras" / module.replace(".", "/")
            assert path.is_dir() or path.with_suffix(".py").is_file(), module
