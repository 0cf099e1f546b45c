#!/bin/bash
# Installs the Debian packages of those of the given commands that are missing:
# mobile_demo/debian_tools.sh node npm chromium java junit5 aapt
set -eu

missing() {
  case $1 in
    chromium)
      for browser in chromium google-chrome chromium-browser; do
        if command -v "$browser" >/dev/null; then return 1; fi
      done
      [ ! -x "${CHROMIUM:-}" ]
      ;;
    junit5) [ ! -e /usr/share/java/junit-platform-console-standalone.jar ] ;;
    framework) [ ! -e /usr/share/android-framework-res/framework-res.apk ] ;;
    *) ! command -v "$1" >/dev/null ;;
  esac
}

need=()
for tool in "$@"; do
  if missing "$tool"; then
    case $tool in
      node) need+=(nodejs) ;;
      java) need+=(default-jre-headless) ;;
      framework) need+=(android-framework-res) ;;
      *) need+=("$tool") ;;
    esac
  fi
done
[ "${#need[@]}" -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi
if ! command -v apt-get >/dev/null || ! "${as_root[@]}" true 2>/dev/null; then
  echo "Expected the Debian packages ${need[*]}, or permission to install them. Received: neither" >&2
  exit 1
fi
echo "Installing Debian packages: ${need[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
