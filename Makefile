PYTHON ?= python3
VENV ?= .venv
RUN := runs/quickstart
BIN := $(VENV)/bin

WEB := mobile_demo/web

.PHONY: demo test torch-test lint web web-test android-test

# Train a small EGNet on sample photographs, then evaluate, export and use it.
demo: $(VENV)/installed
	@echo
	@echo "1/4  Training a small EGNet: sharp photographs are blurred by simulated camera"
	@echo "     shake, and the network learns to undo it. Stopped half way? The same"
	@echo "     command goes on from the last checkpoint."
	$(BIN)/python -m egnet_tf.train --flagfile=configs/quickstart.flags
	@echo
	@echo "2/4  Scoring it on photographs it has never seen, and keeping the images."
	$(BIN)/python -m egnet_tf.evaluate --model=$(RUN) --dataset=samples \
	  --save_images --overwrite
	@echo
	@echo "3/4  Writing it as LiteRT files for a phone (float32 and float16), each checked"
	@echo "     against the Keras model on real photographs."
	$(BIN)/python -m export.tflite --model=$(RUN) --output=$(RUN)/export
	@echo
	@echo "4/4  Deblurring one photograph twice: with the trained network, and with the"
	@echo "     phone's file."
	@set -eu; \
	images=$(RUN)/evaluation/samples_plain/images; \
	blurry=$$(find $$images/blurry -name '*.png' | sort | head -n 1); \
	phone=$(RUN)/export/quickstart_float16.tflite; \
	set -x; \
	$(BIN)/python -m egnet_tf.deblur --model=$(RUN) \
	  --input="$$blurry" --output=$(RUN)/deblurred.png; \
	$(BIN)/python -m egnet_tf.deblur --model="$$phone" \
	  --input="$$blurry" --output=$(RUN)/deblurred_phone.png
	@echo
	@echo "Done. Look at:"
	@echo "  $(RUN)/compare.png                blurry, restored and sharp, side by side"
	@echo "  $(RUN)/deblurred.png              a photograph deblurred by the network"
	@echo "  $(RUN)/deblurred_phone.png        the same, by the file for phones"
	@echo "  $(RUN)/evaluation/samples_plain/  the scores and the images of every photo"

# In the order of the files: by their number of tests the longest would come last.
test: $(VENV)/installed_dev
	EGNET_TF_REQUIRED=onnx,serving \
	  $(BIN)/python -m pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder
	$(MAKE) web-test android-test

# Reading PyTorch's checkpoints: the only tests that need PyTorch, and one release of it,
# which is large.
torch-test: $(VENV)/installed_dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	EGNET_TF_REQUIRED=torch $(BIN)/python -m pytest tests/models/test_import_torch.py

# Builds the page for phones with the shipped model, or with MODEL=path, and serves it
# on http://localhost:8080.
web: $(WEB)/node_modules/.package-lock.json
	node $(WEB)/build.mjs $(if $(MODEL),--model=$(MODEL))
	node $(WEB)/serve.mjs

# The page in a real browser, against egnet_tf with the same model.
web-test: $(VENV)/installed_dev $(WEB)/node_modules/.package-lock.json
	mobile_demo/debian_tools.sh chromium
	node $(WEB)/build.mjs $(if $(MODEL),--model=$(MODEL))
	PYTHON=$(abspath $(BIN)/python) npm --prefix $(WEB) test

# What can be checked of the Android app without an Android SDK.
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
	$(BIN)/pyright

# The markers make the second run start at once; pyproject.toml makes them stale.
$(VENV)/installed: pyproject.toml
	@echo "Installing into $(VENV): once, and mostly downloading TensorFlow."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/installed_dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,dev-export]'
	@touch $@
