"""Checkpoints and the disk: full, torn, flipped, shared, without power. What was saved before stays."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from toys import Smooth, differing, new, run, weights

from nnzoo.core.errors import RunError
from nnzoo.training.checkpoints import Checkpoint, Checkpoints
from nnzoo.training.durable import lock, write_bytes, write_text
from nnzoo.training.journal import Journal, read_journal
from nnzoo.training.settings import Settings

OFTEN = Settings(device="cpu", checkpoint_seconds=0)


def checkpoint(step: int) -> Checkpoint:
    draw = torch.Generator().manual_seed(step)
    return Checkpoint(
        {"step": step, "loss": float("nan")}, {"model": {"w": torch.randn(40, generator=draw), "n": torch.tensor(step)}}
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    tied = torch.randn(3)
    groups = {
        "model": {"a": tied, "b": tied, "half": torch.randn(2, 2).bfloat16(), "count": torch.tensor(3), "none": torch.zeros(0, 4)},
        "strange": {"x|y/z": torch.arange(6).view(2, 3).T, "wide": torch.randn(4, 3, 2, 2).to(memory_format=torch.channels_last)},
        "empty": {},
    }
    Checkpoints(tmp_path).save(Checkpoint({"text": "ä\n", "deep": {"list": [1, None, 0.1]}}, groups))
    loaded, warnings = Checkpoints(tmp_path).load()
    assert warnings == [] and loaded.facts == {"text": "ä\n", "deep": {"list": [1, None, 0.1]}}
    for group in ("model", "strange"):
        assert differing(groups[group], loaded.groups[group]) == []
        assert all(loaded.groups[group][name].dtype == tensor.dtype for name, tensor in groups[group].items())


def test_two_checkpoints_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in range(5):
        checkpoints.save(checkpoint(step))
    assert [name[:8] for name in names(tmp_path)] == ["00000004", "00000005"]
    assert Checkpoints(tmp_path).load()[0].facts["step"] == 4


def test_every_flipped_bit_is_found(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(checkpoint(1))
    path = checkpoints.save(checkpoint(2))
    data, draw = path.read_bytes(), torch.Generator().manual_seed(0)
    for _ in range(50):
        place = int(torch.randint(len(data) * 8, (), generator=draw))
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << (place % 8)
        path.write_bytes(bytes(flipped))
        loaded, warnings = Checkpoints(tmp_path).load()
        assert loaded.facts["step"] == 1 and len(warnings) == 1, f"bit {place} was not found"


def test_a_damaged_file_is_not_counted_among_those_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2):
        path = checkpoints.save(checkpoint(step))
    path.write_bytes(b"")
    checkpoints = Checkpoints(tmp_path)
    checkpoints.load()
    checkpoints.save(checkpoint(3)).write_bytes(b"")
    assert Checkpoints(tmp_path).load()[0].facts["step"] == 1


def test_another_format_is_refused_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("nnzoo.training.checkpoints.FORMAT", 2)
    Checkpoints(tmp_path).save(checkpoint(1))
    monkeypatch.undo()
    with pytest.raises(RunError, match="another version of nnzoo"):
        Checkpoints(tmp_path).load()


def failing(call: str, error: int, at: int = 1):
    """Make the `at`-th use of a system call fail."""
    inner, left = getattr(os, call), [at]

    def fail(*given, **named):
        left[0] -= 1
        if left[0] == 0:
            raise OSError(error, os.strerror(error))
        return inner(*given, **named)

    return fail


@pytest.mark.parametrize(
    ("call", "at"), [("open", 1), ("write", 1), ("fsync", 1), ("rename", 1), ("open", 2), ("fsync", 2), ("fsync", 3), ("unlink", 2)]
)
@pytest.mark.parametrize(("error", "says"), [(28, "the disk is full"), (5, "Input/output error")])
def test_a_disk_that_fails_is_said_and_the_old_checkpoint_stays(tmp_path, monkeypatch, call, at, error, says):
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2):
        checkpoints.save(checkpoint(step))
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing(call, error, at))
        with pytest.raises(RunError, match=f"could not save .*: {says}; what was saved before is intact") as caught:
            checkpoints.save(checkpoint(3))
    assert "\n" not in str(caught.value)
    assert not [name for name in names(tmp_path) if name.endswith(".tmp")]
    loaded, warnings = Checkpoints(tmp_path).load()
    assert warnings == [] and loaded.facts["step"] in (
        (2,) if (call, at) in (("open", 1), ("write", 1), ("fsync", 1), ("rename", 1)) else (2, 3)
    )


def test_half_a_write_is_continued(tmp_path, monkeypatch):
    inner = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: inner(descriptor, data[:7]))
    write_text(tmp_path / "text", "a text that is longer than seven bytes")
    assert (tmp_path / "text").read_text() == "a text that is longer than seven bytes"


def limited(size: int):
    """Run the block with files limited to `size` bytes, as `ulimit -f` does."""

    class Limit:
        def __enter__(self):
            self.before = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, self.before[1]))

        def __exit__(self, *error):
            resource.setrlimit(resource.RLIMIT_FSIZE, self.before)

    return Limit()


def test_a_run_on_a_full_disk_stops_in_a_sentence_and_goes_on_when_there_is_room(tmp_path):
    whole = run(new(Smooth))

    def fill(event):
        if type(event).__name__ == "Saved" and event.step == 5:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    with limited(10**9), pytest.raises(RunError, match="the disk is full; what was saved before is intact"):
        run(new(Smooth), tmp_path, OFTEN, listen=[fill])
    assert not [name for name in names(tmp_path) if name.endswith(".tmp")]
    resumed = run(new(Smooth), tmp_path, OFTEN, resume=True)
    assert differing(weights(whole.network), weights(resumed.network)) == []


def test_a_journal_on_a_full_disk_says_so(tmp_path):
    journal = Journal(tmp_path)
    journal.write("begin", text="x" * 100)
    with limited(150), pytest.raises(RunError, match=r"journal.jsonl: the disk is full"):
        journal.write("look", text="x" * 100)
    assert [line["event"] for line in read_journal(tmp_path)] == ["begin"]


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(RunError, match="could not save"):
            run(new(Smooth), place)


def test_the_power_may_go_at_any_moment(tmp_path, monkeypatch):
    """Replay what saving did, leaving out what was not synchronised when the power went: the last promise is always kept."""
    disk = Disk(tmp_path)
    for call in ("open", "write", "fsync", "rename", "unlink", "mkdir", "close"):
        monkeypatch.setattr(os, call, disk.recording(call))
    promised = [(0, None)]
    checkpoints = Checkpoints(tmp_path / "run")
    for step in range(1, 5):
        checkpoints.save(checkpoint(step))
        promised.append((len(disk.log), step))
    monkeypatch.undo()
    for cut in range(len(disk.log) + 1):
        last = max(step or 0 for at, step in promised if at <= cut)
        left = {
            name
            for name, whole in disk.after_power_cut(cut).items()
            if whole and "/checkpoints/" in name and not name.endswith(".tmp")
        }
        numbers = {int(Path(name).name[:8]) for name in left}
        assert not last or last in numbers or last + 1 in numbers, (
            f"power cut after {disk.log[cut - 1]}: {last} was promised, {numbers} is left"
        )


class Disk:
    """A disk that keeps, of files and folder entries, only what was synchronised."""

    def __init__(self, root: Path):
        self.root, self.log, self.paths = root, [], {}

    def recording(self, call: str):
        inner = getattr(os, call)

        def recorded(*given, **named):
            result = inner(*given, **named)
            if call == "open":
                self.paths[result] = str(given[0])
                if given[1] & os.O_CREAT:
                    self.log.append(("create", str(given[0])))
            elif call in ("write", "fsync", "close"):
                if call != "close" and given[0] in self.paths:
                    self.log.append((call, self.paths[given[0]]))
            else:
                self.log.append((call, *map(str, given[:2] if call == "rename" else given[:1])))
            return result

        return recorded

    def after_power_cut(self, cut: int) -> dict[str, bool]:
        """Files whose name and content are both on the disk after the first `cut` operations: path to whether it is whole."""
        entries, durable, synced = {str(self.root): 1}, {str(self.root)}, {}
        inode = 1
        stable: dict[str, int] = {str(self.root): 1}
        for operation, *paths in self.log[:cut]:
            if operation in ("create", "mkdir"):
                inode += 1
                entries[paths[0]] = inode
                synced[inode] = operation == "mkdir"
            elif operation == "write":
                synced[entries[paths[0]]] = False
            elif operation == "rename":
                entries[paths[1]] = entries.pop(paths[0])
            elif operation == "unlink":
                entries.pop(paths[0], None)
            elif operation == "fsync":
                if paths[0] in entries:
                    synced[entries[paths[0]]] = True
                for path in [p for p in stable if str(Path(p).parent) == paths[0]]:
                    del stable[path]
                stable.update({p: i for p, i in entries.items() if str(Path(p).parent) == paths[0]})
        assert durable
        reachable = [path for path in stable if all(str(up) in stable for up in Path(path).parents if self.root in up.parents)]
        return {path: synced.get(stable[path], False) for path in reachable}


def test_of_two_processes_on_one_run_one_wins_and_the_other_is_told_who(tmp_path):
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        code = 3
        try:
            with lock(tmp_path / "run"):
                os.write(ready[1], b"x")
                os.read(go[0], 1)
                code = 0
        finally:
            os._exit(code)
    os.read(ready[0], 1)
    with pytest.raises(RunError, match=f"in use by process {child};"):
        run(new(Smooth), tmp_path / "run")
    assert names(tmp_path) == [".lock"]  # the loser touched nothing
    os.write(go[1], b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert run(new(Smooth), tmp_path / "run").steps == 24


def test_of_many_processes_exactly_one_wins(tmp_path):
    start, done, end = os.pipe(), os.pipe(), os.pipe()
    children = []
    for _ in range(6):
        child = os.fork()
        if child == 0:
            code = 3
            try:
                os.read(start[0], 1)
                try:
                    with lock(tmp_path):
                        os.write(done[1], b"w")
                        os.read(end[0], 1)
                        code = 0
                except RunError as error:
                    code = 1 if "in use by process" in str(error) else 2
                    os.write(done[1], b"l")
            finally:
                os._exit(code)
        children.append(child)
    os.write(start[1], b"x" * 6)
    told = b"".join(os.read(done[0], 1) for _ in range(6))
    os.write(end[1], b"x")
    codes = sorted(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)
    assert sorted(told) == sorted(b"wlllll") and codes == [0, 1, 1, 1, 1, 1]


def test_the_lock_ends_with_the_process_however_it_ends(tmp_path):
    child = os.fork()
    if child == 0:
        with lock(tmp_path):
            os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    with lock(tmp_path):
        pass


def test_leftovers_of_a_killed_process_are_removed(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(checkpoint(1))
    (tmp_path / "checkpoints" / ".x.safetensors.123.tmp").write_bytes(b"half")
    Checkpoints(tmp_path).load()
    assert len(names(tmp_path)) == 1
    (tmp_path / "checkpoints" / ".x.safetensors.123.tmp").write_bytes(b"half")
    Checkpoints(tmp_path).clear()
    assert names(tmp_path) == []


def test_saving_needs_no_pickle_and_imports_nothing_heavy():
    code = "import sys, nnzoo.training.durable, nnzoo.training.journal; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_write_bytes_replaces_as_a_whole(tmp_path):
    write_bytes(tmp_path / "file", b"one")
    write_bytes(tmp_path / "file", memoryview(b"another"))
    assert (tmp_path / "file").read_bytes() == b"another" and names(tmp_path) == ["file"]
