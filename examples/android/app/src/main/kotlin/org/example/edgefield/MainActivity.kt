package org.example.edgefield

import android.net.Uri
import android.os.Bundle
import androidx.activity.ComponentActivity
import androidx.activity.compose.rememberLauncherForActivityResult
import androidx.activity.compose.setContent
import androidx.activity.result.PickVisualMediaRequest
import androidx.activity.result.contract.ActivityResultContracts.PickVisualMedia
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.padding
import androidx.compose.material3.Button
import androidx.compose.material3.LinearProgressIndicator
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedButton
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.setValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.unit.dp
import androidx.lifecycle.AndroidViewModel
import androidx.lifecycle.viewModelScope
import androidx.lifecycle.viewmodel.compose.viewModel
import edgeidentify.Answer
import edgeidentify.Options
import edgeidentify.PackIdentifier
import java.util.concurrent.Executors
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext

private const val SERVER = "https://packs.example.org" // yours
private const val PACK = "street-art"

class MainActivity : ComponentActivity() {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContent { MaterialTheme { Screen(viewModel()) } }
    }
}

/** The state of the screen. The pack is used from one thread of its own. */
class FieldModel(application: android.app.Application) : AndroidViewModel(application) {
    private val store = PackStore(application, SERVER, PACK)
    private val worker = Executors.newSingleThreadExecutor().asCoroutineDispatcher()
    private var identifier: PackIdentifier? = null

    var answer by mutableStateOf<Answer?>(null)
    var problem by mutableStateOf<String?>(null)
    var progress by mutableStateOf<Float?>(null)
    var version by mutableStateOf(store.version)

    fun identify(uri: Uri) = work {
        val pack = identifier ?: store.open().also { identifier = it } ?: return@work
        answer = pack.identify(photo(getApplication<android.app.Application>().contentResolver, uri), Options.DEFAULT)
    }

    fun update() = work {
        store.update { done, total -> progress = done.toFloat() / total }
        identifier = null
        version = store.version
    }

    private fun work(task: () -> Unit) {
        viewModelScope.launch {
            problem = null
            withContext(worker) {
                try {
                    task()
                } catch (error: Exception) {
                    problem = error.message ?: error.toString() // the core's messages say what to do
                }
            }
            progress = null
        }
    }

    override fun onCleared() = worker.close()
}

@Composable
fun Screen(model: FieldModel) {
    val choose = rememberLauncherForActivityResult(PickVisualMedia()) { uri -> uri?.let(model::identify) }
    Column(Modifier.fillMaxSize().padding(24.dp), Arrangement.spacedBy(16.dp)) {
        val version = model.version
        Text(if (version == null) stringResource(R.string.no_pack) else "$PACK $version")
        if (version != null) {
            Button(onClick = { choose.launch(PickVisualMediaRequest(PickVisualMedia.ImageOnly)) }) {
                Text(stringResource(R.string.choose))
            }
        }
        OutlinedButton(onClick = model::update) { Text(stringResource(R.string.update)) }
        model.progress?.let { LinearProgressIndicator(progress = { it }) }
        model.problem?.let { Text(it, color = MaterialTheme.colorScheme.error) }
        model.answer?.let { AnswerCard(it) }
        Text(stringResource(R.string.private_note), style = MaterialTheme.typography.bodySmall)
    }
}

@Composable
private fun AnswerCard(answer: Answer) {
    Text(answer.inWords(), style = MaterialTheme.typography.headlineSmall)
    for (match in answer.matches) {
        val sure = match.confidence?.let { " ${Math.round(100 * it)} %" } ?: ""
        val points = match.matchedPoints?.takeIf { it > 0 }?.let { ", $it points agree" } ?: ""
        Text("${match.reference.name}$sure$points")
    }
}
