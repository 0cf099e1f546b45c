plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
    alias(libs.plugins.kotlin.compose)
}

android {
    namespace = "org.egnet.deblur"
    compileSdk = 36

    defaultConfig {
        applicationId = "org.egnet.deblur"
        // ImageDecoder, which rotates photos upright, exists since API 28.
        minSdk = 28
        targetSdk = 36
        versionCode = 1
        versionName = "1.0"
    }

    buildFeatures {
        compose = true
    }

    // LiteRT maps the model into memory, straight from the APK.
    androidResources {
        noCompress += "tflite"
    }
}

kotlin {
    jvmToolchain(17)
}

/** Copies the shipped model into the assets: there is no second one in this folder. */
abstract class CopyModel : DefaultTask() {
    @get:InputFile
    abstract val model: RegularFileProperty

    @get:OutputDirectory
    abstract val assets: DirectoryProperty

    @TaskAction
    fun copy() {
        model.get().asFile.copyTo(assets.get().asFile.resolve("model.tflite"), overwrite = true)
    }
}

val weights = rootDir.resolve("../../egnet_tf/weights")
val copyModel = tasks.register<CopyModel>("copyModel") {
    // -Pmodel=path.tflite takes another one. Half precision suits GPUs and CPUs.
    val path = providers.gradleProperty("model").map(rootDir::resolve).orElse(
        providers.provider {
            weights.walk()
                .filter { it.name.startsWith("egnet_mobile") && it.extension == "tflite" }
                .minByOrNull { if ("float16" in it.name) 0 else 1 }
                ?: error("Expected $weights/egnet_mobile*.tflite, or -Pmodel=. Received: none")
        },
    )
    model = layout.file(path)
}

androidComponents {
    onVariants { variant ->
        variant.sources.assets?.addGeneratedSourceDirectory(copyModel, CopyModel::assets)
    }
}

dependencies {
    implementation(project(":core"))
    implementation(platform(libs.androidx.compose.bom))
    implementation(libs.androidx.activity.compose)
    implementation(libs.androidx.compose.material3)
    implementation(libs.androidx.compose.ui)
    implementation(libs.androidx.core.ktx)
    implementation(libs.androidx.lifecycle.runtime.compose)
    implementation(libs.androidx.lifecycle.viewmodel.compose)
    implementation(libs.kotlinx.coroutines.android)
    implementation(libs.litert)
}
