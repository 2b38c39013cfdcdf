"""Fetching against a server on this machine that truncates, resets, lies, ignores ranges, answers 404 and hangs."""

import gzip
import hashlib
import http.server
import socket
import struct
import threading
from pathlib import Path

import numpy as np
import pytest

from nnzoo.core.errors import DataError
from nnzoo.data import fetch as fetching
from nnzoo.data.fetch import SOURCES, Remote, Source, fetch
from nnzoo.data.places import find_folder

BODY = np.random.default_rng(0).bytes(300_000)
OTHER = np.random.default_rng(1).bytes(300_000)
RIGHT = hashlib.sha256(BODY).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Behaves by `script`: one word for each request, the last for all that follow; keeps the ranges that were asked for."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script, self.body, self.etag = ["good"], BODY, '"one"'
        self.asked: list[tuple[str, str | None]] = []
        self.release = threading.Event()
        self.address = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_):
        pass

    def do_GET(self):
        server, asked = self.server, self.headers.get("Range")
        server.asked.append((self.path, asked))
        act = server.script.pop(0) if len(server.script) > 1 else server.script[0]
        if act.isdecimal():
            self.send_error(int(act))
            return
        if act == "hang":
            server.release.wait(10)
            return
        start, body = 0, OTHER if act == "lie" else server.body
        same = self.headers.get("If-Range") in (None, server.etag)
        if asked and same and act not in ("ignore", "truncate-ignore"):
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                self.send_error(416)
                return
        self.send_response(206 if start or (asked and act == "shift") else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if act == "shift":
            self.send_header("Content-Range", f"bytes 0-{len(body) - 1}/{len(body)}")
        rest = body[start:]
        if server.etag:
            self.send_header("ETag", server.etag)
        self.send_header("Content-Length", str(len(rest) + (100_000 if act == "endless" else 0)))
        self.end_headers()
        if act in ("truncate", "truncate-ignore", "reset"):
            rest = rest[: len(rest) // 2]
        self.wfile.write(rest)
        if act == "endless":
            self.wfile.write(b"x" * 100_000)
        if act == "reset":
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("NNZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NNZOO_DATA", raising=False)
    running = Server()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.release.set()
    running.shutdown()
    thread.join()
    running.server_close()


def get(server: Server, **options) -> Path:
    options = {"sha256": RIGHT, "timeout": 0.5, "pause": 0.0, **options}
    return fetch("mine", address=f"{server.address}/folder/a.bin", **options)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_file_arrives_whole_with_progress_and_only_once(server, tmp_path):
    seen = []
    folder = get(server, listen=seen.append)
    assert folder == tmp_path / "cache" / "mine" and (folder / "a.bin").read_bytes() == BODY and files(folder) == ["a.bin"]
    assert [event.bytes for event in seen] == sorted(event.bytes for event in seen)
    assert seen[0].bytes == 0 and seen[-1].bytes == seen[-1].total == len(BODY) and seen[-1].file == "a.bin"
    get(server)
    assert len(server.asked) == 1  # it is there


def test_a_damaged_file_in_place_is_fetched_anew(server):
    folder = get(server)
    (folder / "a.bin").write_bytes(BODY[:-1] + b"x")
    get(server)
    assert (folder / "a.bin").read_bytes() == BODY


@pytest.mark.parametrize("fault", ["truncate", "reset"])
def test_a_broken_connection_is_taken_up_where_it_ended(server, fault):
    server.script = [fault, fault, "good"]
    folder = get(server)
    assert (folder / "a.bin").read_bytes() == BODY and files(folder) == ["a.bin"]
    first, second, third = (asked for _, asked in server.asked)
    assert first is None and second is not None
    starts = [int(asked.removeprefix("bytes=").rstrip("-")) for asked in (second, third) if asked]
    assert 0 < starts[0] <= starts[1]


def test_a_later_call_goes_on_with_what_an_earlier_one_left(server, tmp_path):
    server.script = ["truncate", "503"]
    with pytest.raises(DataError, match="run it again") as error:
        get(server)
    assert "150000 bytes" in str(error.value) and "\n" not in str(error.value)
    assert files(tmp_path / "cache") == ["a.bin.part", "a.bin.part.tag"]
    server.script, server.asked = ["good"], []
    assert (get(server) / "a.bin").read_bytes() == BODY
    assert [asked for _, asked in server.asked] == ["bytes=150000-"]


def test_other_content_is_refused_and_leaves_nothing(server, tmp_path):
    server.script = ["lie"]
    with pytest.raises(DataError, match="SHA-256") as error:
        get(server)
    assert "\n" not in str(error.value) and "a.bin" in str(error.value)
    assert files(tmp_path / "cache") == [] and len(server.asked) == 1


def test_a_server_that_ignores_ranges_restarts_cleanly(server):
    server.script = ["truncate-ignore", "ignore"]
    assert (get(server) / "a.bin").read_bytes() == BODY
    assert server.asked[1][1] == "bytes=150000-"


def test_a_range_that_starts_elsewhere_is_not_appended(server):
    server.script = ["truncate", "shift", "good"]
    assert (get(server) / "a.bin").read_bytes() == BODY


def test_a_file_that_changed_meanwhile_starts_anew_by_its_tag(server, tmp_path):
    server.script, server.body = ["truncate", "503"], OTHER
    with pytest.raises(DataError):
        get(server)
    server.script, server.body, server.etag = ["good"], BODY, '"two"'
    assert (get(server) / "a.bin").read_bytes() == BODY


def test_pieces_of_two_versions_are_noticed_without_a_tag(server, tmp_path):
    server.script, server.body, server.etag = ["truncate", "503"], OTHER, ""
    with pytest.raises(DataError):
        get(server)
    server.script, server.body, server.asked = ["good"], BODY, []
    assert (get(server) / "a.bin").read_bytes() == BODY
    assert [asked for _, asked in server.asked] == ["bytes=150000-", None]


def test_a_whole_part_of_a_killed_run_is_not_appended_to(server, tmp_path):
    (tmp_path / "cache" / "mine").mkdir(parents=True)
    (tmp_path / "cache" / "mine" / "a.bin.part").write_bytes(BODY)
    assert (get(server) / "a.bin").read_bytes() == BODY


def test_not_found_is_said_at_once(server):
    server.script = ["404"]
    with pytest.raises(DataError, match="answers 404"):
        get(server)
    assert len(server.asked) == 1


def test_a_server_that_hangs_is_given_up_by_the_timeout(server, monkeypatch):
    monkeypatch.setattr(fetching, "_ATTEMPTS", 2)
    server.script = ["hang"]
    with pytest.raises(DataError, match="timed out"):
        get(server, timeout=0.1)
    assert len(server.asked) == 2


def test_a_refused_connection_is_a_sentence(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DataError, match="refused"):
        fetch("mine", address=f"http://127.0.0.1:{port}/a.bin", sha256=RIGHT, folder=tmp_path, pause=0.0)


def test_more_bytes_than_published_are_not_kept(server, tmp_path, monkeypatch):
    monkeypatch.setitem(SOURCES, "small", Source("small", (Remote("http://127.0.0.1/a.bin", RIGHT, len(BODY)),)))
    server.script = ["endless"]
    with pytest.raises(DataError, match="more than the 300000 bytes"):
        fetch("small", address=server.address, timeout=0.5, pause=0.0)
    assert files(tmp_path / "cache") == []


def test_a_mirror_serves_a_known_set_file_by_file(server, monkeypatch, tmp_path):
    monkeypatch.setitem(SOURCES, "two", Source("deep/two", tuple(Remote(f"http://nowhere.invalid/{n}.bin", RIGHT) for n in "ab")))
    folder = fetch("two", address=f"{server.address}/mirror/", pause=0.0)
    assert folder == tmp_path / "cache" / "deep" / "two" and files(folder) == ["a.bin", "b.bin"]
    assert [path for path, _ in server.asked] == ["/mirror/a.bin", "/mirror/b.bin"]
    server.asked.clear()
    assert fetch("two") == folder and not server.asked  # found on this machine


def test_own_data_are_looked_at_before_any_server(tmp_path, monkeypatch):
    monkeypatch.setenv("NNZOO_DATA", str(tmp_path))
    (tmp_path / "names").mkdir()
    (tmp_path / "names" / "names.txt").write_text("anna\n")
    assert fetch("names") == tmp_path / "names"


def test_what_cannot_be_fetched_is_a_sentence(tmp_path):
    for options, word in (
        ({}, "no known address"),
        ({"address": "http://x/a"}, "sha256"),
        ({"address": "file:///etc/passwd", "sha256": RIGHT}, "http"),
    ):
        with pytest.raises(DataError, match=word):
            fetch("mine", folder=tmp_path, **options)


@pytest.mark.parametrize("name", SOURCES)
def test_published_digests_are_those_of_the_files_at_hand(name):
    source = SOURCES[name]
    folder = find_folder(source.folder, *(file.name.removesuffix(".gz") for file in source.files))
    if folder is None:
        pytest.skip(f"needs {source.folder} in NNZOO_DATA")
    for file in source.files:
        path = folder / file.name
        content = path.read_bytes() if path.is_file() else gzip.decompress((folder / f"{file.name}.gz").read_bytes())
        assert hashlib.sha256(content).hexdigest() == file.sha256 and len(content) == file.size
