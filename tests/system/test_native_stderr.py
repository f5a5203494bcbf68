"""C++ libraries are silenced, Python is not, and what was set up meanwhile still works afterwards."""

import subprocess
import sys


def test_only_python_is_heard():
    code = (
        "import logging, os, sys\n"
        "from alexnet_keras.system import native_stderr\n"
        "for turn in range(2):\n"
        "    with native_stderr.silenced():\n"
        "        os.write(2, b'from C++\\n')\n"
        "        print('from Python', file=sys.stderr)\n"
        "        logging.basicConfig()\n"
        "logging.warning('from a logger')\n"
        "os.write(2, b'afterwards\\n')\n"
        "assert sys.stderr is sys.__stderr__\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stderr == "from Python\nfrom Python\nWARNING:root:from a logger\nafterwards\n"
