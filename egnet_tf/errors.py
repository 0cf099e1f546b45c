"""The exception whose message is meant for the person at the keyboard.

Also what is said where an extra of the package is not installed: `pip install .` brings
what restores photos with the shipped .tflite files, and extras bring the rest.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shlex
from pathlib import Path

_EXTRAS = {
    "apache_beam": "beam",
    "av": "video",
    "cv2": "train",
    "grpc": "serving",
    "h5py": "train",
    "huggingface_hub": "hub",
    "jinja2": "train",
    "keras": "train",
    "lpips": "lpips",
    "matplotlib": "paper",
    "nncf": "openvino-int8",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "openvino": "openvino",
    "pillow_heif": "heif",
    "requests": "serving",
    "safetensors": "torch",
    "skimage": "train",
    "sklearn": "train",
    "tensorboard": "train",
    "tensorflow": "train",
    "tensorflow_addons": "addons",
    "tensorflow_serving": "serving",
    "tf2onnx": "onnx",
    "torch": "torch",
    "torchvision": "lpips",
}
"""The extra of pyproject.toml that installs each module."""

_PYTHONS = {"addons": " (in Python 3.10 or 3.11)"}

_CHECKOUT = Path(__file__).parents[1]


class InputError(ValueError):
    """What the user gave cannot be used.

    The message is one line: what was expected, then "Received: ...". Commands
    print it without a traceback and exit with code 1.
    """


def missing_extra(extra: str, *modules: str) -> InputError:
    """Makes the error that says how to install an extra.

    Args:
        extra: its name in pyproject.toml.
        modules: those that were looked for and are not there.
    """
    received = f"no module {', '.join(modules)}" if modules else "none"
    return InputError(
        f"Expected the extra {extra}{_PYTHONS.get(extra, '')}: {_advice(extra)}. "
        f"Received: {received}"
    )


def require(*modules: str) -> None:
    """Checks that modules of an extra are installed, without importing them.

    Raises:
        InputError: see `missing_extra`.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise missing_extra(_EXTRAS[missing[0]], *missing)


def explained(error: ModuleNotFoundError) -> Exception:
    """The error itself, or `missing_extra` if an extra installs the module."""
    module = (error.name or "").partition(".")[0]
    return missing_extra(_EXTRAS[module], module) if module in _EXTRAS else error


def _advice(extra: str) -> str:
    """A command that installs the extra of this very copy of the package.

    No index is known to have the package, so it never asks for the bare name.
    """
    if (_CHECKOUT / "pyproject.toml").is_file():
        here = False
        with contextlib.suppress(OSError):  # The working folder may be gone.
            here = _CHECKOUT.samefile(os.curdir)
        return _install(f"{'.' if here else _CHECKOUT}[{extra}]")
    source = _installed_from()
    if source:
        return _install(f"egnet-tf[{extra}] @ {source}")
    return f"{_install(f'.[{extra}]')} in a checkout"


def _install(requirement: str) -> str:
    # cmd.exe knows double quotes only.
    quoted = f'"{requirement}"' if os.name == "nt" else shlex.quote(requirement)
    return f"pip install {quoted}"


def _installed_from() -> str:
    """The URL that pip installed the package from (PEP 610); "" if it is not known."""
    from importlib import metadata
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        text = metadata.distribution("egnet-tf").read_text("direct_url.json")
        source = json.loads(text or "")
        url, version_control = str(source["url"]), source.get("vcs_info")
    except (metadata.PackageNotFoundError, ValueError, KeyError):
        return ""
    if version_control:
        revision = version_control.get("requested_revision")
        return f"{version_control['vcs']}+{url}" + (f"@{revision}" if revision else "")
    parts = urlsplit(url)
    gone = parts.scheme == "file" and not os.path.exists(url2pathname(parts.path))
    return "" if gone else url
