"""A Hugging Face hub of one process: repositories in memory, over HTTP.

It speaks the part of the hub's protocol that `huggingface_hub` needs to make a
repository, to commit files to it and to fetch them.
"""

import base64
import contextlib
import hashlib
import http.server
import json
import threading

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(http.server.ThreadingHTTPServer):
    """`repositories` maps user/name to files, their names to their bytes."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories = {}
        self.requests = []
        self.endpoint = f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def _answer(self, content, status=200, **headers):
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
            headers.setdefault("Content_Type", "application/json")
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _missing(self, code):
        self._answer({"error": code}, 404, X_Error_Code=code)

    def do_GET(self):
        self.server.requests.append(self.path)
        path = self.path.partition("?")[0]
        parts = path.strip("/").split("/")
        name = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
        files = self.server.repositories.get(name)
        if files is None:
            self._missing("RepoNotFound")
        elif parts[0] == "api":
            revision = parts[5] if len(parts) > 5 else "main"
            if revision not in ("main", COMMIT):
                self._missing("RevisionNotFound")
                return
            if "tree" in parts:
                self._answer(
                    [
                        {
                            "type": "file",
                            "path": x,
                            "size": len(files[x]),
                            "oid": hashlib.sha1(files[x]).hexdigest(),
                        }
                        for x in files
                    ]
                )
                return
            siblings = [{"rfilename": x} for x in files]
            about = {"id": name, "sha": COMMIT, "siblings": siblings}
            self._answer({**about, "private": False, "tags": []})
        else:
            file = "/".join(parts[4:])
            if file not in files:
                self._missing("EntryNotFound")
                return
            etag = f'"{hashlib.sha1(files[file]).hexdigest()}"'
            self._answer(files[file], ETag=etag, X_Repo_Commit=COMMIT)

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Authorization") != "Bearer token":
            self._answer({"error": "Invalid credentials"}, 401)
            return
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts[:3] == ["api", "repos", "create"]:
            asked = json.loads(body)
            name = "/".join(
                filter(None, [asked.get("organization") or "me", asked["name"]])
            )
            self.server.repositories.setdefault(name, {})
            self._answer({"url": f"{self.server.endpoint}/{name}"})
        elif "preupload" in parts:
            files = [
                {"path": x["path"], "uploadMode": "regular", "shouldIgnore": False}
                for x in json.loads(body)["files"]
            ]
            self._answer({"files": files})
        elif "commit" in parts:
            name = "/".join(parts[2:4])
            for line in body.splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    content = base64.b64decode(entry["value"]["content"])
                    self.server.repositories[name][entry["value"]["path"]] = content
            url = f"{self.server.endpoint}/{name}/commit/{COMMIT}"
            answer = {"commitUrl": url, "commitOid": COMMIT}
            self._answer({**answer, "pullRequestUrl": None})
        else:  # Of the YAML in a model card, say.
            self._answer({"errors": [], "warnings": []})


@contextlib.contextmanager
def hub():
    """Yields a `Hub` that runs."""
    with Hub() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
