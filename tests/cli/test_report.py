"""The command `report`: of which run and which data set it asks for a page, and what it prints."""

import pytest
from support import ROOT, cli, only_error

RUN = ROOT / "tests" / "fixtures" / "finished_run"


@pytest.fixture
def reported(replaced, tmp_path):
    """What is handed to `api.report`."""
    return replaced("alexnet_keras.api.report", tmp_path / "report.html")


def test_the_run_its_data_and_the_file_are_handed_on(reported, folder, tmp_path):
    result = cli("report", RUN, "--data", folder, "--split-seed", 3, "--output", tmp_path / "a.html")
    assert result.out == f"Wrote {tmp_path / 'report.html'}\n"
    ((run, source, output), _) = reported[0]
    assert (run, output) == (RUN, tmp_path / "a.html")
    assert (source.name, source.split_seed) == (str(folder), 3)


def test_the_newest_run_and_its_own_data_are_the_default(reported, tmp_path, monkeypatch):
    (tmp_path / "saved_models").mkdir()
    (tmp_path / "saved_models" / "mine").symlink_to(RUN)
    (tmp_path / "colours").mkdir()  # the data set of the run
    monkeypatch.chdir(tmp_path)
    assert cli("report", "--json").json == {"output": str(tmp_path / "report.html")}
    ((run, source, output), _) = reported[0]
    assert (str(run), source.name, output) == ("saved_models/mine", "colours", None)
    assert source.run_images == (12, 9)


def test_a_folder_is_no_file_to_write(reported, tmp_path):
    result = cli("report", RUN, "--output", tmp_path)
    assert f"Invalid value for '--output': '{tmp_path}' is a folder; give a file." in only_error(result)
    assert (result.code, reported) == (2, [])
