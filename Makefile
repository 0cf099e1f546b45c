PYTHON ?= python3
VENV ?= .venv
RUN := runs/quickstart
BIN := $(VENV)/bin

WEB := mobile_demo/web

.PHONY: demo test torch-test addons-test beam-test lint docs site web web-test android-test gpu-test

# Train a small EGNet on sample photographs, then evaluate, export and use it.
demo: $(VENV)/installed
	@echo
	@echo "1/4  Training a small EGNet: sharp photographs are blurred by synthetic camera"
	@echo "     shake, and the network learns to undo it. If it is interrupted, the same"
	@echo "     command resumes from the last checkpoint."
	$(BIN)/python -m egnet_tf.train --flagfile=configs/quickstart.flags \
	  --compare_with=egnet_mobile
	@echo
	@echo "2/4  Scoring it on held-out photographs and saving the restored images."
	$(BIN)/python -m egnet_tf.evaluate --model=$(RUN) --dataset=samples \
	  --save_images --overwrite
	@echo
	@echo "3/4  Exporting it as LiteRT files for a phone (float32 and float16), each checked"
	@echo "     against the Keras model on real photographs."
	$(BIN)/python -m export.tflite --model=$(RUN) --output=$(RUN)/export
	@echo
	@echo "4/4  Deblurring one photograph twice: with the trained network and with the"
	@echo "     exported file."
	@set -eu; \
	images=$(RUN)/evaluation/samples_plain/images; \
	blurry=$$(find $$images/blurry -name '*.png' | sort | head -n 1); \
	phone=$(RUN)/export/quickstart_float16.tflite; \
	set -x; \
	$(BIN)/python -m egnet_tf.deblur --model=$(RUN) \
	  --input="$$blurry" --output=$(RUN)/deblurred.png --overwrite; \
	$(BIN)/python -m egnet_tf.deblur --model="$$phone" \
	  --input="$$blurry" --output=$(RUN)/deblurred_phone.png --overwrite
	@echo
	@echo "Done. Look at:"
	@echo "  $(RUN)/compare.png                blurry, after minutes of training, the"
	@echo "                                          weights that ship (egnet_mobile), sharp"
	@echo "  $(RUN)/deblurred.png              a photo deblurred by the network"
	@echo "  $(RUN)/deblurred_phone.png        the same photo, deblurred by the exported file"
	@echo "  $(RUN)/evaluation/samples_plain/  scores and images of every photo"

# Scheduled in the order of the files: by number of tests, the slowest would come last.
test: $(VENV)/installed_dev
	EGNET_TF_REQUIRED=onnx,openvino,serving \
	  $(BIN)/python -m pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder
	$(MAKE) web-test android-test gpu-test

# The only tests that need PyTorch, which is a large download.
torch-test: $(VENV)/installed_dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  torch==2.13.0 safetensors==0.8.0
	EGNET_TF_REQUIRED=torch $(BIN)/python -m pytest \
	  tests/models/test_import_torch.py tests/models/test_torch_checkpoint.py \
	  tests/benchmarks/test_pytorch.py

# What only TensorFlow 2.15 with tensorflow-addons can run, in an environment of its own,
# with Python 3.9 to 3.11.
addons-test: $(VENV)-addons/installed
	EGNET_TF_REQUIRED=addons $(VENV)-addons/bin/python -m pytest \
	  tests/layers tests/models tests/test_losses.py tests/training/test_optimizers.py

# Apache Beam, in an environment of its own, which has no TensorFlow.
beam-test: $(VENV)-beam/installed
	EGNET_TF_REQUIRED=beam,video $(VENV)-beam/bin/python -m pytest tests/test_beam.py

# The documentation as a site, in build/site. A warning is an error.
docs: $(VENV)/installed_docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# What is published: the documentation, with the demo page below demo/.
site: export DEMO_PAGE = demo/
site: docs $(WEB)/node_modules/.package-lock.json
	node $(WEB)/build.mjs --out build/site/demo

# Builds the web page with the shipped model, or with MODEL=path, and serves it on
# http://localhost:8080, with HOST=0.0.0.0 also to the local network.
web: $(WEB)/node_modules/.package-lock.json
	node $(WEB)/build.mjs $(if $(MODEL),--model=$(MODEL))
	node $(WEB)/serve.mjs $(if $(HOST),--host=$(HOST)) $(if $(PORT),--port=$(PORT))

# Tests the page in a real browser, compared with egnet_tf on the same model.
web-test: $(VENV)/installed_dev $(WEB)/node_modules/.package-lock.json
	mobile_demo/debian_tools.sh chromium
	node $(WEB)/build.mjs $(if $(MODEL),--model=$(MODEL))
	PYTHON=$(abspath $(BIN)/python) npm --prefix $(WEB) test

# LiteRT files on LiteRT's GPU accelerator, with a GPU in software.
gpu-test: $(VENV)/installed_dev build/swiftshader/icd.json
	VK_DRIVER_FILES=$(abspath build/swiftshader/icd.json) \
	  VK_ICD_FILENAMES=$(abspath build/swiftshader/icd.json) \
	  LD_LIBRARY_PATH=$(abspath build/swiftshader) EGNET_TF_REQUIRED=vulkan \
	  $(BIN)/python -m pytest --numprocesses=auto tests/export/test_gpu.py

build/swiftshader/icd.json: .ci/swiftshader
	.ci/swiftshader $(@D)

# Checks what can be checked of the Android app without an Android SDK.
android-test:
	mobile_demo/debian_tools.sh node npm java junit5 aapt framework
	mobile_demo/android/ci/test.sh

$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json
	mobile_demo/debian_tools.sh node npm
	npm ci --silent --no-audit --no-fund --prefix $(WEB)
	@touch $@

lint: $(VENV)/installed_dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/hadolint Dockerfile
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/zizmor --offline --quiet .github

# The marker files skip the installation until pyproject.toml changes.
$(VENV)/installed: pyproject.toml
	@echo "Installing into $(VENV) (once; most of it is the download of TensorFlow)."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[train]'
	@touch $@

$(VENV)/installed_dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,dev-export]'
	@touch $@

$(VENV)/installed_docs: pyproject.toml
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

$(VENV)-beam/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)-beam
	$(VENV)-beam/bin/python -m pip install --quiet --disable-pip-version-check \
	  --editable '.[dev-beam]'
	@touch $@

$(VENV)-addons/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)-addons
	$(VENV)-addons/bin/python -m pip install --quiet --disable-pip-version-check \
	  --editable '.[addons,dev]'
	@touch $@
