import pytest

from egnet_tf.cli.flag_files import expanded
from egnet_tf.errors import InputError


def test_flag_files_include_others_relative_to_themselves(tmp_path, monkeypatch):
    for name in "ab":
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "one.flags").write_text("# first\n--flagfile=../b/two.flags\n")
    (tmp_path / "b" / "two.flags").write_text("--name=two\n\n// last\n  --egn\n")
    monkeypatch.chdir(tmp_path)
    for words in (["--flagfile=a/one.flags"], ["--flagfile", "a/one.flags"]):
        assert [*expanded([*words, "--x"])] == ["--name=two", "--egn", "--x"]


def test_flag_file_may_lie_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "x.flags").write_text("--name=x")
    assert [*expanded(["--flagfile=~/x.flags"])] == ["--name=x"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_flag_files_in_utf_8_and_utf_16_with_any_line_end_are_read(
    tmp_path, encoding, end
):
    path = tmp_path / "x.flags"
    path.write_bytes(f"--name=ä{end}--egn{end}".encode(encoding))
    assert [*expanded([f"--flagfile={path}"])] == ["--name=ä", "--egn"]


@pytest.mark.parametrize("content", [b"--name=\xe4", b"\0\0", b"\xff\xfe\0"])
def test_files_that_are_no_flag_file_are_refused(tmp_path, content):
    path = tmp_path / "x.flags"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"flag file in UTF-8. Received: .*x\.flags"):
        list(expanded([f"--flagfile={path}"]))


def test_flag_files_that_include_each_other_are_refused(tmp_path):
    (tmp_path / "a.flags").write_text("--flagfile=b.flags")
    (tmp_path / "b.flags").write_text("--flagfile=./a.flags")
    with pytest.raises(InputError, match=r"do not include themselves.*a\.flags"):
        list(expanded([f"--flagfile={tmp_path}/a.flags"]))
