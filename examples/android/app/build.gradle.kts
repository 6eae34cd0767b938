plugins {
    id("com.android.application")
    id("org.jetbrains.kotlin.android")
    id("org.jetbrains.kotlin.plugin.compose")
}

android {
    namespace = "org.example.edgefield"
    compileSdk = 35
    defaultConfig {
        applicationId = "org.example.edgefield"
        minSdk = 28
        targetSdk = 35
        versionCode = 1
        versionName = "1.0"
        // Most phones; each further processor adds some 10 MB of ONNX Runtime.
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }
    kotlinOptions { jvmTarget = "11" }
    buildFeatures { compose = true }
    // The Java core, as it lies in this repository.
    sourceSets["main"].java.srcDir("../../../edge_runtime/java/src")
    sourceSets["main"].kotlin.srcDir("src/main/kotlin")
    // Packs are read as they are: compressing models wins little and costs time.
    androidResources { noCompress += listOf("onnx", "faiss", "sqlite") }
}

dependencies {
    implementation(platform("androidx.compose:compose-bom:2024.12.01"))
    implementation("androidx.compose.material3:material3")
    implementation("androidx.activity:activity-compose:1.9.3")
    implementation("androidx.lifecycle:lifecycle-viewmodel-compose:2.8.7")
    implementation("com.microsoft.onnxruntime:onnxruntime-android:1.22.0")
}
