"""The table of `compress`."""

from alexnet_keras.cli.compress import CONTENTS, show_stages


def test_the_table_fits_100_columns(capsys):
    stage = {"bytes": 240_000_000, "top1_error": 1.0, "top5_error": 1.0}
    show_stages({**dict.fromkeys(CONTENTS, stage), "coded": {**stage, "bytes": 6_000_000}})
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0].split() == ["stage", "bytes", "smaller", "val", "error", "top-5", "val", "error", "paper", "error"]
    assert lines[4].split()[-6:] == ["6,000,000", "40.0x", "100.00%", "100.00%", "35x", "42.78%"]
