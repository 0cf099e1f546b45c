package org.egnet.deblur

import android.content.res.AssetManager
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import kotlin.math.roundToInt
import kotlin.math.sqrt
import org.egnet.deblur.core.TileNetwork

/** The shipped model on one accelerator: float32 (1, S, S, 3) in [0, 1] in and out. */
class LiteRtNetwork(assets: AssetManager, val accelerator: Accelerator) : TileNetwork {
    private val model =
        CompiledModel.create(assets, "model.tflite", CompiledModel.Options(accelerator), null)
    private val inputs = model.createInputBuffers()
    private val outputs = model.createOutputBuffers()

    override val tile: Int = sqrt(inputs.single().readFloat().size / 3.0).roundToInt()

    override fun restore(image: FloatArray): FloatArray {
        inputs.single().writeFloat(image)
        model.run(inputs, outputs)
        return outputs.single().readFloat()
    }

    override fun close() {
        (inputs + outputs).forEach { it.close() }
        model.close()
    }
}
