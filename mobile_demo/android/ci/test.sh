#!/bin/bash
# Compiles core/ and its tests with the Kotlin compiler from npm, runs them with Debian's
# JUnit 5, and checks the manifest and the resources of app/ with aapt. No Android SDK.
set -eu
cd "$(dirname "$0")/.."
build=build/ci
golden=../golden
rm -rf "$build"
mkdir -p "$build"

[ -d ci/node_modules ] || npm ci --silent --no-audit --no-fund --prefix ci
kotlin=ci/node_modules/kotlin-compiler/lib
junit=/usr/share/java/junit-platform-console-standalone.jar

kotlinc() {
  java -Xmx1g -cp "$kotlin/*" org.jetbrains.kotlin.cli.jvm.K2JVMCompiler \
    -no-stdlib -no-reflect -jvm-target 17 -Werror "$@"
}
kotlinc -module-name core -Xexplicit-api=disable -cp "$kotlin/kotlin-stdlib.jar" \
  -d "$build/core.jar" core/src/main
# A friend of the main sources, as Gradle makes tests.
kotlinc -module-name core_test -Xfriend-paths="$build/core.jar" \
  -cp "$kotlin/kotlin-stdlib.jar:$build/core.jar:$junit" -d "$build/test.jar" core/src/test
java -Dgolden="$golden" -cp "$build/test.jar:$build/core.jar:$kotlin/kotlin-stdlib.jar:$junit" \
  org.junit.platform.console.ConsoleLauncher \
  --scan-class-path "$build/test.jar" --fail-if-no-tests --disable-banner
