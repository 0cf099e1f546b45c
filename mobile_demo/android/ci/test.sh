#!/bin/bash
# Checks what can be checked of the app without an Android SDK: compiles core/ with the
# Kotlin compiler from npm and tests it with Debian's JUnit 5, packages the app's
# manifest and resources with Debian's aapt, and parses the app's Kotlin files.
set -eu
cd "$(dirname "$0")/.."
build=build/ci
rm -rf "$build"
mkdir -p "$build"

[ -d ci/node_modules ] || npm ci --silent --no-audit --no-fund --prefix ci
kotlin=ci/node_modules/kotlin-compiler/lib
junit=/usr/share/java/junit-platform-console-standalone.jar

kotlinc() {
  java -Xmx1g -cp "$kotlin/*" org.jetbrains.kotlin.cli.jvm.K2JVMCompiler \
    -no-stdlib -no-reflect -jvm-target 17 "$@"
}

kotlinc -Werror -module-name core -cp "$kotlin/kotlin-stdlib.jar" \
  -d "$build/core.jar" core/src/main
kotlinc -Werror -module-name core_test \
  -cp "$kotlin/kotlin-stdlib.jar:$build/core.jar:$junit" \
  -d "$build/test.jar" core/src/test
java -Dgolden=../golden \
  -cp "$build/test.jar:$build/core.jar:$kotlin/kotlin-stdlib.jar:$junit" \
  org.junit.platform.console.ConsoleLauncher --scan-class-path "$build/test.jar" \
  --fail-if-no-tests --disable-banner

# Gradle adds the package to the manifest; aapt expects it there. Debian's framework is
# that of Android 10, which does not know later tags and passes them through.
sed 's/<manifest /<manifest package="org.egnet.deblur" /' \
  app/src/main/AndroidManifest.xml > "$build/AndroidManifest.xml"
aapt package -f -M "$build/AndroidManifest.xml" -S app/src/main/res \
  -I /usr/share/android-framework-res/framework-res.apk \
  --min-sdk-version 28 --target-sdk-version 36 -J "$build" -F "$build/resources.apk"
aapt dump badging "$build/resources.apk" > "$build/badging.txt"
grep -q "launchable-activity: name='org.egnet.deblur.MainActivity'" "$build/badging.txt"
# Every resource that the code names must have been packaged.
grep -rhoE 'R\.[a-z]+\.[a-z_]+' app/src/main/kotlin | sort -u | while IFS=. read -r _ kind name; do
  sed -n "/class $kind /,/}/p" "$build/R.java" | grep -q " $name=" ||
    { echo "Expected a resource for the code's R.$kind.$name. Received: none"; exit 1; }
done
echo "The manifest and the resources are complete."

# The app's libraries are not available here, so most names stay unresolved. Only
# syntax errors count.
kotlinc -module-name app -cp "$kotlin/kotlin-stdlib.jar:$build/core.jar" \
  -d "$build/app" app/src/main/kotlin > "$build/app.log" 2>&1 || true
if grep -iE 'error: syntax error' "$build/app.log"; then exit 1; fi
echo "The app's Kotlin files parse."
