"""The examples for Slurm and Kubernetes, with stand-ins for what only those have."""

import json
import os
import re
import shlex
import shutil
import subprocess

import pytest

from egnet_tf import deblur, train
from egnet_tf.cli import app
from egnet_tf.shards import Shard, parse_shard
from helpers import ROOT

yaml = pytest.importorskip("yaml")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the examples are for Linux")

FOLDER = ROOT / "examples" / "cluster"


def options_of(words):
    """What a command line means to its command, which does no work."""
    assert words[:2] == ["-m", "egnet_tf." + words[1].rpartition(".")[2]]
    command = {"egnet_tf.deblur": deblur, "egnet_tf.train": train}[words[1]]
    read = {}

    def note(values):
        read.update({name: values[name].value for name in values})

    positional = getattr(command, "POSITIONAL", None)
    assert app.call(command.define_flags, note, words[2:], positional) == 0
    return read


@pytest.fixture
def stand_ins(tmp_path):
    """Programs that write down how they were called; returns how to run a script."""
    programs, calls = tmp_path / "bin", tmp_path / "calls"
    programs.mkdir()
    record = (
        '#!/bin/bash\nwords=$(printf "%q " "$@")\n'
        f'echo "$TF_CONFIG" "@" "$words" >> {calls}\n'
    )
    for name, content in {
        "python": record + f"[ ! -e {tmp_path}/fails-$SLURM_PROCID ]\n",
        "scontrol": f'#!/bin/bash\necho "$@" > {tmp_path}/asked\nprintf "a1\\na2\\n"\n',
        # As Slurm does: one process for each task, and the worst exit code.
        "srun": "#!/bin/bash\n"
        '[[ $1 == --* ]] && shift\nif [ -z "$SLURM_NTASKS" ]; then exec "$@"; fi\n'
        "for ((i = 0; i < SLURM_NTASKS; i++)); do\n"
        '  SLURM_PROCID=$i "$@" || code=1\ndone\n'
        f"rm -f {tmp_path}/fails-*\nexit $code\n",
    }.items():
        (programs / name).write_text(content)
        (programs / name).chmod(0o755)

    def run(*words, **variables):
        calls.unlink(missing_ok=True)
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            words,
            env={"PATH": path, **variables},
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        lines = calls.read_text().splitlines() if calls.exists() else []
        called = [line.split(" @ ") for line in lines]
        return done, [(config, shlex.split(words)) for config, words in called]

    run.folder = tmp_path
    return run


@pytest.mark.process
def test_slurm_array_restores_every_shard(stand_ins):
    file = FOLDER / "deblur.sbatch"
    (last,) = re.findall(r"^#SBATCH --array=1-(\d+)$", file.read_text(), re.M)
    seen = []
    for task in range(1, int(last) + 1):
        variables = {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_COUNT": last}
        done, [(_, words)] = stand_ins("bash", file, **variables)
        assert done.returncode == 0, done.stderr
        read = options_of(words)
        assert read["skip_existing"] and read["output"] == "/shared/restored"
        seen.append(parse_shard(read["shard"]))
    assert seen == [Shard(i, int(last)) for i in range(1, int(last) + 1)]


@pytest.mark.process
def test_kubernetes_job_restores_every_shard(stand_ins):
    job = yaml.safe_load((FOLDER / "deblur.yaml").read_text())
    assert (job["kind"], job["apiVersion"]) == ("Job", "batch/v1")
    spec = job["spec"]
    assert spec["completionMode"] == "Indexed"
    assert spec["template"]["spec"]["restartPolicy"] == "Never"  # backoffLimitPerIndex
    (container,) = spec["template"]["spec"]["containers"]
    script = container["args"][0].replace(
        "/opt/egnet/bin/egnet ", "python -m egnet_tf."
    )
    assert "/opt/egnet/bin/egnet" in (ROOT / "Dockerfile").read_text()
    seen = []
    for index in range(spec["completions"]):
        done, [(_, words)] = stand_ins(
            *container["command"], script, JOB_COMPLETION_INDEX=str(index)
        )
        assert done.returncode == 0, done.stderr
        seen.append(parse_shard(options_of(words)["shard"]))
    assert seen == [Shard(i + 1, len(seen)) for i in range(len(seen))]
    volumes = {volume["name"] for volume in spec["template"]["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes


def check_workers(calls, hosts):
    """Each is told of all and of its own number, and trains the same run."""
    for index, (config, words) in enumerate(calls):
        assert json.loads(config) == {
            "cluster": {"worker": hosts},
            "task": {"type": "worker", "index": index},
        }
        assert options_of(words)["strategy"] == "multi_worker"
    assert len(calls) == len(hosts)
    assert len({tuple(words) for _, words in calls}) == 1


@pytest.mark.process
def test_slurm_trains_on_every_machine_and_starts_all_again(stand_ins):
    (stand_ins.folder / "fails-1").touch()  # One of two, the first time.
    done, calls = stand_ins(
        "bash",
        FOLDER / "train.sbatch",
        SLURM_JOB_NODELIST="a[1-2]",
        SLURM_NTASKS="2",
    )
    assert (done.returncode, done.stdout) == (0, "attempt 1 ended\n"), done.stderr
    assert (stand_ins.folder / "asked").read_text() == "show hostnames a[1-2]\n"
    check_workers(calls[:2], ["a1:2222", "a2:2222"])
    check_workers(calls[2:], ["a1:2222", "a2:2222"])


@pytest.mark.process
@pytest.mark.skipif(not shutil.which("seq"), reason="no seq")
def test_kubernetes_trains_on_every_machine(stand_ins):
    service, job = yaml.safe_load_all((FOLDER / "train.yaml").read_text())
    pod = job["spec"]["template"]["spec"]
    # What makes the names of the pods: the job's name, its index, the service's name.
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    assert pod["subdomain"] == service["metadata"]["name"]
    assert pod["restartPolicy"] == "OnFailure"
    (container,) = pod["containers"]
    calls = []
    for index in range(job["spec"]["completions"]):
        variables = {"JOB_COMPLETION_INDEX": str(index)}
        done, called = stand_ins(*container["command"], *container["args"], **variables)
        assert done.returncode == 0, done.stderr
        calls += called
    name = job["metadata"]["name"]
    check_workers(calls, [f"{name}-{i}.{name}:2222" for i in range(len(calls))])
