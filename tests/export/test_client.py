"""The serving client against a server that answers as it is told, without a network."""

import base64
import contextlib
import io
import json
import os
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
from PIL import Image, ImageCms

from egnet_tf.errors import InputError
from egnet_tf.images.read import read_photo
from export.serving import answer
from helpers import call, random_image

pytest.importorskip("requests", reason="of the extra serving")

from export.serving import rest_client


class Server:
    """A REST server; `restore` makes the answer of the pixels of a request.

    Attributes:
        address: of the server.
        sent: the image files of the requests.
        answers: (status, body) of the next answers, before those of `restore`.
    """

    def __init__(self):
        self.sent, self.answers = [], []
        self.restore = lambda pixels: 255 - pixels
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                (instance,) = json.loads(body)["instances"]
                sent = base64.b64decode(instance["image_bytes"]["b64"])
                outer.sent.append(sent)
                if outer.answers:
                    status, content = outer.answers.pop(0)
                else:
                    pixels = np.asarray(Image.open(io.BytesIO(sent)).convert("RGB"))
                    status, content = 200, prediction(png(outer.restore(pixels)))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                if not callable(content):
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                with contextlib.suppress(OSError):  # The client may go away.
                    content(self) if callable(content) else self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("localhost", 0), Handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://localhost:{self._server.server_port}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(file, "png")
    return file.getvalue()


def prediction(content):
    b64 = base64.b64encode(content).decode()
    return json.dumps({"predictions": [{"b64": b64}]}).encode()


@pytest.fixture(scope="module")
def running():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def server(running):
    running.sent.clear()
    running.answers.clear()
    running.restore = lambda pixels: 255 - pixels
    return running


def client(server, *words):
    return call("export.serving.client", *words, f"--server={server.address}")


def test_client_carries_what_deblur_carries(server, tmp_path):
    pixels = random_image((7, 9, 4))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    photo = tmp_path / "photo.png"
    Image.fromarray(pixels).save(photo, icc_profile=profile, exif=exif, dpi=(300, 300))
    done = client(server, photo)
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(tmp_path / "photo_restored.png") as restored:
        np.testing.assert_array_equal(
            np.asarray(restored), np.dstack([255 - pixels[..., :3], pixels[..., 3]])
        )
        assert restored.info["icc_profile"] == profile
        assert restored.getexif()[0x010F] == "A camera"
    # What is sent is the colours alone.
    assert Image.open(io.BytesIO(server.sent[0])).mode == "RGB"


def test_client_sends_a_photo_upright_and_writes_its_format(server, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # Rotated by 90 degrees.
    photo = tmp_path / "photo.jpg"
    Image.fromarray(np.full((40, 60, 3), 200, np.uint8)).save(photo, exif=exif)
    output = tmp_path / "new" / "folder" / "x.webp"
    assert client(server, photo, f"--output={output}").returncode == 0
    sent = Image.open(io.BytesIO(server.sent[0]))
    assert (sent.format, sent.size) == ("PNG", (40, 60))
    with Image.open(output) as restored:
        assert (restored.format, restored.size) == ("WEBP", (40, 60))


def test_client_keeps_sixteen_bits_and_says_that_the_server_does_not(server, tmp_path):
    cv2 = pytest.importorskip("cv2")
    pixels = random_image((5, 6, 3), dtype=np.uint16)
    cv2.imwrite(str(tmp_path / "photo.png"), pixels)
    done = client(server, tmp_path / "photo.png")
    assert done.returncode == 0
    assert done.stderr == "warning: the server restores 8 bits of the 16 a channel\n"
    restored = cv2.imread(str(tmp_path / "photo_restored.png"), cv2.IMREAD_UNCHANGED)
    expected = (255 - np.rint(pixels / 257)) * 257
    np.testing.assert_array_equal(restored, expected)


def test_client_restores_a_folder_whatever_one_file_is(server, tmp_path):
    for name in ("a.png", "sub/b.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(png(random_image((4, 5, 3))))
    (tmp_path / "in" / "broken.png").write_bytes(b"no image")
    done = client(server, tmp_path / "in", f"--output={tmp_path / 'out'}")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and "broken.png" in done.stderr
    written = sorted(
        str(x.relative_to(tmp_path)) for x in tmp_path.rglob("out/**/*.png")
    )
    assert written == ["out/a.png", "out/sub/b.png"]
    server.sent.clear()
    (tmp_path / "out" / "a.png").unlink()
    words = (tmp_path / "in", f"--output={tmp_path / 'out'}", "--skip_existing")
    assert "out/a.png" in client(server, *words).stdout.replace(os.sep, "/")
    assert len(server.sent) == 1


def test_client_refuses_before_a_server_is_asked(server, tmp_path):
    photo = tmp_path / "photo.png"
    photo.write_bytes(png(random_image((4, 5, 3))))
    (tmp_path / "photo_restored.png").touch()
    (tmp_path / "text.png").write_text("no image")
    for words, message in (
        ([tmp_path / "missing.jpg"], "missing.jpg"),
        ([tmp_path / "text.png"], "text.png"),
        ([photo], "does not exist"),
        ([photo, f"--output={photo}", "--overwrite"], "other than the input"),
        ([photo, f"--output={tmp_path / 'x.gif'}"], "x.gif"),
        ([photo, "--overwrite", "--max_pixels=19"], "19"),
        (["--input="], "Received: nothing"),
    ):
        done = client(server, *words)
        assert done.returncode == 1
        assert message in done.stderr and done.stderr.count("\n") == 1
    for address in ("localhost:8501", "ftp://x", "http://", "grpc://", "x"):
        done = call(
            "export.serving.client", photo, f"--server={address}", "--overwrite"
        )
        assert done.returncode == 1 and "Received: " in done.stderr
    assert not server.sent


BODIES = {
    "text": b"text",
    "nothing": b"",
    "a list": b"[]",
    "no prediction": b'{"predictions": []}',
    "two": b'{"predictions": [{"b64": ""}, {"b64": ""}]}',
    "no base64": b'{"predictions": [{"b64": "no base64!"}]}',
    "a number": b'{"predictions": [{"b64": 7}]}',
    "deep": b"[" * 100_000,
    "text as the image": prediction(b"restored"),
    "nothing as the image": prediction(b""),
    "a damaged image": prediction(png(np.zeros((4, 5, 3)))[:50]),
    "another size": prediction(png(np.zeros((5, 4, 3)))),
    "a huge image": prediction(
        png(np.zeros((4, 5, 3)))[:16] + b"\0\0\xff\xff" * 2 + b"\x08\x02\0\0\0"
    ),
}


@pytest.mark.parametrize("what", BODIES)
def test_an_answer_that_is_not_the_image_is_refused(what, server, tmp_path):
    photo = tmp_path / "photo.png"
    photo.write_bytes(png(random_image((4, 5, 3))))
    server.answers.append((200, BODIES[what]))
    done = client(server, photo)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {photo}: Expected ")
    assert done.stderr.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photo.png"]


@pytest.mark.parametrize("status", [302, 400, 401, 404, 413, 500])
def test_an_error_of_the_server_is_one_line(status, server, tmp_path):
    photo = tmp_path / "photo.png"
    photo.write_bytes(png(random_image((4, 5, 3))))
    for body in (b'{"error": "no\\nsuch model"}', b"<html>\n" * 500, b"\xff\x00"):
        server.answers.append((status, body))
        done = client(server, photo)
        assert done.returncode == 1
        assert f"Received: {status} " in done.stderr
        assert done.stderr.count("\n") == 1 and len(done.stderr) < 1000
    assert len(server.sent) == 3


def test_rest_client_retries_while_the_server_is_busy(server):
    restored = png(np.zeros((2, 2, 3)))
    server.answers += [(503, b""), (429, b""), (200, prediction(restored))]
    sent = png(np.ones((2, 2, 3)))
    assert rest_client.deblur(sent, server.address, "egnet", retries=3) == restored
    assert len(server.sent) == 3
    server.answers += [(503, b'{"error": "loading"}')] * 2
    with pytest.raises(InputError, match="Received: 503 loading"):
        rest_client.deblur(sent, server.address, "egnet", retries=1)


def test_timeout_is_of_the_whole_answer(server):
    def trickle(handler):
        for _ in range(200):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)

    sent = png(np.ones((2, 2, 3)))
    for retries in (0, 3):
        server.answers[:] = [(200, trickle)]
        start = time.monotonic()
        with pytest.raises(InputError, match=r"no answer in 0\.6 seconds"):
            rest_client.deblur(
                sent, server.address, "egnet", timeout=0.6, retries=retries
            )
        assert time.monotonic() - start < 3


def test_answer_and_request_are_bounded(server, monkeypatch):
    sent = png(np.ones((2, 2, 3)))

    def endless(handler):
        for _ in range(100_000):
            handler.wfile.write(b" " * 65536)

    monkeypatch.setattr(rest_client, "_MOST_BYTES", 10**6)
    server.answers.append((200, endless))
    with pytest.raises(InputError, match="at most 1,000,000 bytes"):
        rest_client.deblur(sent, server.address, "egnet", timeout=30)
    monkeypatch.setattr(answer, "MESSAGE_BYTES", 10)
    with pytest.raises(InputError, match=r"to send\. Received: "):
        rest_client.deblur(sent, server.address, "egnet")


def test_names_cannot_leave_their_place_in_the_address(server):
    sent = png(np.ones((2, 2, 3)))
    server.answers.append((404, b'{"error": "no such model"}'))
    with pytest.raises(InputError, match=r"models/\.\.%2Fx%3F/labels/a%2Fb:predict"):
        rest_client.deblur(sent, server.address, "../x?", "a/b")


def test_client_reports_a_missing_server_in_one_line(tmp_path):
    photo = tmp_path / "photo.png"
    photo.write_bytes(png(random_image((4, 5, 3))))
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    address = f"--server=http://localhost:{port}"
    for words in (["--retries=0"], ["--retries=5", "--timeout=1"]):
        done = call("export.serving.client", photo, address, *words)
        assert done.returncode == 1
        assert done.stderr.startswith(f"error: {photo}: Expected an answer from")
        assert "Connection refused" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert read_photo(photo).pixels.shape == (4, 5, 3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photo.png"]
