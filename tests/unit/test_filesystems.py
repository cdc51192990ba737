from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from levada.core.errors import ConfigurationError
from levada.filesystems import (
    SMB,
    LocalFileSystem,
    NullFileSystem,
    OutsideBasePathError,
    PathNotFoundError,
    RemoteFileSystem,
    write_atomically,
)


@pytest.fixture
def local(tmp_path: Path) -> LocalFileSystem:
    return LocalFileSystem(tmp_path / "base")


# Local


def test_what_is_written_is_read(local, tmp_path):
    written = local.write_path("a/b.bin", b"content")
    assert written == str(tmp_path / "base" / "a" / "b.bin")
    assert local.read_path("a/b.bin") == b"content"
    assert local.read_path(written) == b"content"
    assert local.read_head("a/b.bin", 3) == b"con"
    assert local.exists("a/b.bin")
    local.delete("a/b.bin")
    assert not local.exists("a/b.bin")


async def test_async_code_reads_and_writes_too(local):
    await local.awrite_path("a", b"1")
    assert await local.aread_path("a") == b"1"


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", ".."])
@pytest.mark.parametrize("verb", ["read_path", "exists", "delete"])
def test_paths_outside_are_refused(local, path, verb):
    with pytest.raises(OutsideBasePathError, match="outside of the base path"):
        getattr(local, verb)(path)
    with pytest.raises(ValueError, match="outside of the base path"):
        local.write_path(path, b"")


def test_links_that_lead_out_are_refused(local, tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "base" / "file").symlink_to(tmp_path / "secret")
    (tmp_path / "base" / "folder").symlink_to(tmp_path)
    for path in ("file", "folder/secret"):
        with pytest.raises(OutsideBasePathError):
            local.read_path(path)
    # also once the folder itself is known to be inside
    local.write_path("ok", b"")
    with pytest.raises(OutsideBasePathError):
        local.write_path("file", b"overwritten")
    assert (tmp_path / "secret").read_bytes() == b"secret"


def test_a_path_that_leads_up_and_back_is_inside(local):
    local.write_path("a/b", b"1")
    assert local.read_path("a/../a/b") == b"1"


def test_a_folder_is_no_file(local):
    local.write_path("a/b", b"1")
    with pytest.raises(PathNotFoundError, match="not a file"):
        local.read_path("a")
    with pytest.raises(PathNotFoundError, match="does not exist"):
        local.read_path("a/b/c")


def test_without_a_base_path_it_is_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    LocalFileSystem().write_path("a", b"1")
    assert (tmp_path / "a").read_bytes() == b"1"


def test_two_over_the_same_folder_are_equal(tmp_path):
    assert LocalFileSystem(tmp_path) == LocalFileSystem(str(tmp_path))
    assert LocalFileSystem(tmp_path) != LocalFileSystem(tmp_path / "b")
    assert len({LocalFileSystem(tmp_path), LocalFileSystem(tmp_path)}) == 1


def test_readers_see_the_old_file_or_the_new_one(tmp_path, monkeypatch):
    """A crash between writing and renaming leaves the old file, and no temporary one."""
    path = tmp_path / "file"
    write_atomically(path, (b"old",))

    def crash(*_: Any) -> None:
        raise OSError("crash")

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(OSError, match="crash"):
        write_atomically(path, (b"new", b"er"))
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_durable_write_syncs_the_file_and_its_folder(tmp_path, monkeypatch):
    synced = []
    real = os.fsync

    def sync(handle: int) -> None:
        synced.append(os.path.isdir(f"/proc/self/fd/{handle}"))
        real(handle)

    monkeypatch.setattr(os, "fsync", sync)
    write_atomically(tmp_path / "a", (b"1",), durable=True)
    assert synced == [False, True]


# Folders of code


def tree(folder: Path) -> set[str]:
    return {entry.relative_to(folder).as_posix() for entry in folder.rglob("*") if entry.is_file()}


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    for name in ("flow.py", "data/big.csv", "data/keep.csv", "deep/__pycache__/x.pyc", "notes.log", "build/out"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_a_folder_is_copied_in_and_out(local, code, tmp_path):
    local.put_directory(str(code), "stored")
    local.get_directory("stored", str(tmp_path / "out"))
    assert tree(tmp_path / "out") == tree(code)


@pytest.mark.parametrize("name", [".levadaignore", ".prefectignore"])
def test_ignored_files_are_left_out(local, code, name):
    (code / name).write_text("# comment\n\n*.log\n__pycache__/\n/build\ndata/*.csv\n!data/keep.csv\n")
    local.put_directory(str(code))
    assert tree(local.resolve()) == {"flow.py", "data/keep.csv", name}


def test_an_ignore_file_may_stand_elsewhere(local, code, tmp_path):
    (tmp_path / "ignore").write_text("*\n!*.py\n")
    local.put_directory(str(code), ignore_file=str(tmp_path / "ignore"))
    assert tree(local.resolve()) == {"flow.py"}


def test_a_folder_may_be_copied_onto_itself(local, code):
    inside = LocalFileSystem(code)
    before = tree(code)
    inside.put_directory(str(code))
    assert tree(code) == before


def test_a_folder_that_is_not_there_says_so(local):
    with pytest.raises(PathNotFoundError, match="not a folder"):
        local.get_directory("nothing")


# Null


def test_the_null_storage_keeps_nothing(tmp_path):
    null = NullFileSystem()
    null.write_path("a", b"1")
    assert not null.exists("a")
    with pytest.raises(PathNotFoundError):
        null.read_path("a")
    null.get_directory(None, str(tmp_path))
    null.put_directory(str(tmp_path))


# Remote


class FakeFsspec:
    """The few verbs of an fsspec file system that are used, over a dictionary."""

    files: dict[str, bytes] = {}

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def cat_file(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path][start:end]

    def pipe_file(self, path: str, value: bytes) -> None:
        self.files[path] = value

    def makedirs(self, path: str, exist_ok: bool) -> None:
        assert exist_ok

    def exists(self, path: str) -> bool:
        return path in self.files

    def rm_file(self, path: str) -> None:
        del self.files[path]

    def get(self, source: str, target: str, recursive: bool) -> None:
        assert recursive
        for path, content in self.files.items():
            if path.startswith(source):
                file = Path(target) / path.removeprefix(source)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> RemoteFileSystem:
    module = ModuleType("fsspec")
    module.filesystem = lambda scheme, **settings: FakeFsspec(scheme=scheme, **settings)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fsspec", module)
    monkeypatch.setattr(FakeFsspec, "files", {})
    return RemoteFileSystem("memory://bucket/base/", {"key": "k"})


def test_a_remote_storage_speaks_to_fsspec(remote):
    assert remote.write_path("a/b", b"content") == "memory://bucket/base/a/b"
    assert remote.read_path("a/b") == b"content"
    assert remote.read_path("memory://bucket/base/a/b") == b"content"
    assert remote.read_head("a/b", 3) == b"con"
    assert remote.exists("a/b")
    assert remote.filesystem.settings == {"scheme": "memory", "key": "k"}
    remote.delete("a/b")
    remote.delete("a/b")
    with pytest.raises(PathNotFoundError):
        remote.read_path("a/b")
    with pytest.raises(PathNotFoundError):
        remote.read_head("a/b", 3)


@pytest.mark.parametrize("path", ["../x", "a/../../x", "memory://other/x"])
def test_remote_paths_outside_are_refused(remote, path):
    with pytest.raises(OutsideBasePathError):
        remote.write_path(path, b"")


def test_folders_go_to_remote_storages_too(remote, code, tmp_path):
    (code / ".levadaignore").write_text("*.log\n")
    assert remote.put_directory(str(code), "code") == 6
    remote.get_directory("code", str(tmp_path / "out"))
    assert tree(tmp_path / "out") == tree(code) - {"notes.log"}


@pytest.mark.parametrize(
    ("path", "message"), [("/plain", "scheme"), ("s3://", "location"), ("file:///tmp", "LocalFileSystem")]
)
def test_a_remote_storage_needs_an_address(path, message):
    with pytest.raises(ConfigurationError, match=message):
        RemoteFileSystem(path)


def test_without_fsspec_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ConfigurationError, match="install fsspec"):
        RemoteFileSystem("s3://bucket/x").read_path("a")


def test_a_file_share_is_a_remote_storage():
    share = SMB("/SHARE/folder", "host", smb_username="u")
    assert share.basepath == "smb://host/SHARE/folder"
    assert share.settings == {"host": "host", "username": "u"}
